#include "lib/compiler/convert/emit_yaml.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/load/scalar.h"

namespace varmor {
namespace {

using Kind = DocumentNode::Kind;

constexpr int kIndent = 2;

// YAML wants longer keys introduced by "?" (1024 characters, section 7.4 of YAML 1.2).
constexpr size_t kLongKey = 1000;

bool IsPlainByte(char c) {
  return absl::ascii_isalnum(c) || absl::StrContains("_./+- ,", absl::string_view(&c, 1));
}

// Text that no reader takes for something else.
bool CanBePlain(absl::string_view text) {
  if (text.empty() || IsNullWord(text) || text.back() == ' ') return false;
  if (ResolvePlainScalar(text).type != ScalarType::kText) return false;
  const char first = text.front();
  if (!absl::ascii_isalnum(first) && first != '/' && first != '_') return false;
  // Dates.
  if (absl::ascii_isdigit(first) && absl::StrContains(text, "-")) return false;
  return std::all_of(text.begin(), text.end(), IsPlainByte);
}

// The bytes of U+0085, U+2028, U+2029 and U+FEFF, which readers take for line ends or drop.
bool HasOddCharacter(absl::string_view text) {
  for (const absl::string_view odd : {"\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xEF\xBB\xBF"}) {
    if (absl::StrContains(text, odd)) return true;
  }
  return false;
}

// A "|" block keeps the text as it is: several lines, the first with content at its start, no line
// of blanks only, no control characters, at most one newline at the end.
bool CanBeBlock(absl::string_view text) {
  if (!absl::StrContains(text, "\n") || HasOddCharacter(text)) return false;
  if (absl::ascii_isspace(text.front()) || absl::EndsWith(text, "\n\n")) return false;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!line.empty() && absl::StripAsciiWhitespace(line).empty()) return false;
    if (std::any_of(line.begin(), line.end(),
                    [](char c) { return absl::ascii_iscntrl(c) && c != '\t'; })) {
      return false;
    }
  }
  return true;
}

std::string InQuotes(absl::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", absl::string_view(&c, 1));
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (absl::ascii_iscntrl(c)) {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<unsigned char>(c));
    } else if (HasOddCharacter(text.substr(i, 2))) {
      out += "\\u0085";
      i += 1;
    } else if (HasOddCharacter(text.substr(i, 3)) && !HasOddCharacter(text.substr(i + 1, 2))) {
      out += c == '\xEF' ? "\\ufeff" : text[i + 2] == '\xA8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out.push_back(c);
    }
  }
  return absl::StrCat(out, "\"");
}

class YamlPrinter {
 public:
  std::string Print(const DocumentNode& root) {
    PrintValue(root, 0);
    return std::move(out_);
  }

 private:
  static bool IsCollection(const DocumentNode& node) {
    return (node.kind == Kind::kMapping || node.kind == Kind::kSequence) && !node.items.empty();
  }

  void Indent(int indent) { out_.append(static_cast<size_t>(indent), ' '); }

  // The cursor stands where the value's first byte goes; ends after the value's newline.
  void PrintValue(const DocumentNode& node, int indent) {
    if (!IsCollection(node)) {
      PrintLeaf(node, indent);
    } else if (node.kind == Kind::kMapping) {
      PrintMapping(node, indent);
    } else {
      PrintSequence(node, indent);
    }
  }

  void PrintMapping(const DocumentNode& node, int indent) {
    for (size_t i = 0; i + 1 < node.items.size(); i += 2) {
      if (i > 0) Indent(indent);
      PrintKey(node.items[i]->scalar, indent);
      const DocumentNode& value = *node.items[i + 1];
      if (!IsCollection(value)) {
        out_.push_back(' ');
        PrintLeaf(value, indent + kIndent);
        continue;
      }
      out_.push_back('\n');
      const int inner = value.kind == Kind::kSequence ? indent : indent + kIndent;
      Indent(inner);
      PrintValue(value, inner);
    }
  }

  void PrintKey(absl::string_view key, int indent) {
    const std::string text = CanBePlain(key) ? std::string(key) : InQuotes(key);
    if (text.size() > kLongKey) {
      absl::StrAppend(&out_, "? ", text, "\n");
      Indent(indent);
    } else {
      out_ += text;
    }
    out_.push_back(':');
  }

  void PrintSequence(const DocumentNode& node, int indent) {
    for (size_t i = 0; i < node.items.size(); ++i) {
      if (i > 0) Indent(indent);
      out_ += "- ";
      PrintValue(*node.items[i], indent + kIndent);
    }
  }

  // `indent` is that of a block's lines.
  void PrintLeaf(const DocumentNode& node, int indent) {
    if (node.kind == Kind::kScalar && !node.plain && CanBeBlock(node.scalar)) {
      PrintBlock(node.scalar, indent);
      return;
    }
    switch (node.kind) {
      case Kind::kNull:
        out_ += "null";
        break;
      case Kind::kMapping:
        out_ += "{}";
        break;
      case Kind::kSequence:
        out_ += "[]";
        break;
      case Kind::kScalar:
        out_ += node.plain || CanBePlain(node.scalar) ? node.scalar : InQuotes(node.scalar);
        break;
    }
    out_.push_back('\n');
  }

  void PrintBlock(absl::string_view text, int indent) {
    const bool ends_in_newline = absl::ConsumeSuffix(&text, "\n");
    out_ += ends_in_newline ? "|\n" : "|-\n";
    for (const absl::string_view line : absl::StrSplit(text, '\n')) {
      if (!line.empty()) Indent(std::max(indent, kIndent));
      absl::StrAppend(&out_, line, "\n");
    }
  }

  std::string out_;
};

}  // namespace

std::string EmitYaml(const DocumentNode& root) { return YamlPrinter().Print(root); }

}  // namespace varmor
