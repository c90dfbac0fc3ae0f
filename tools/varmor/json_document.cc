#include "tools/varmor/json_document.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "rapidjson/prettywriter.h"
#include "rapidjson/stringbuffer.h"
#include "rapidjson/writer.h"

namespace varmor {
namespace {

constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Length of the UTF-8 sequence at the start of `text`, 0 when there is none.
size_t SequenceLength(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xC2 && first < 0xE0   ? 2
                        : first >= 0xE0 && first < 0xF0 ? 3
                        : first >= 0xF0 && first < 0xF5 ? 4
                                                        : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) >= 0xA0;
  const bool too_large = first == 0xF4 && byte(1) >= 0x90;
  return overlong || surrogate || too_large ? 0 : length;
}

std::string ValidUtf8(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    absl::StrAppend(&out, length == 0 ? kReplacement : text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string QuotedJson(const rapidjson::Value& scalar) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  scalar.Accept(writer);
  return std::string(buffer.GetString(), buffer.GetSize());
}

// Whether a literal block can hold `text` exactly.
bool IsLiteral(absl::string_view text) {
  if (text.size() < 2 || text.find('\n') == absl::string_view::npos) return false;
  if (text.back() != '\n' || text[text.size() - 2] == '\n') return false;  // "|" keeps one newline
  if (text[0] == ' ' || text[0] == '\n') return false;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F) return false;
  }
  // Line separators and the byte order mark mean something to some readers.
  return text.find("\xE2\x80\xA8") == absl::string_view::npos &&
         text.find("\xE2\x80\xA9") == absl::string_view::npos &&
         text.find("\xC2\x85") == absl::string_view::npos &&
         text.find("\xEF\xBB\xBF") == absl::string_view::npos;
}

// A key without quotes where every reader takes it for text.
std::string YamlKey(const rapidjson::Value& name) {
  const absl::string_view key(name.GetString(), name.GetStringLength());
  static constexpr absl::string_view kNotText[] = {"y",   "n",    "yes",   "no",  "on",
                                                   "off", "true", "false", "null"};
  bool plain = !key.empty() && absl::ascii_isalpha(static_cast<unsigned char>(key[0]));
  for (const char c : key) {
    plain &= absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
  }
  for (const absl::string_view word : kNotText) plain &= !absl::EqualsIgnoreCase(key, word);
  return plain ? std::string(key) : QuotedJson(name);
}

class YamlPrinter {
 public:
  std::string Take() { return std::move(out_); }

  // Prints what stands after "key:" or "-", with the newline.
  void After(const rapidjson::Value& value, int indent, bool in_list) {
    if (value.IsObject() && value.MemberCount() > 0) {
      out_ += in_list ? " " : "\n";
      Members(value, indent, in_list);
    } else if (value.IsArray() && !value.Empty()) {
      out_ += "\n";
      Items(value, indent);
    } else if (value.IsString() && IsLiteral({value.GetString(), value.GetStringLength()})) {
      Literal({value.GetString(), value.GetStringLength()}, indent);
    } else {
      absl::StrAppend(&out_, " ", QuotedJson(value), "\n");
    }
  }

  void Members(const rapidjson::Value& object, int indent, bool first_is_placed) {
    for (const auto& member : object.GetObject()) {
      if (!first_is_placed) out_.append(static_cast<size_t>(indent), ' ');
      first_is_placed = false;
      absl::StrAppend(&out_, YamlKey(member.name), ":");
      After(member.value, indent + 2, false);
    }
  }

  void Items(const rapidjson::Value& array, int indent) {
    for (const rapidjson::Value& item : array.GetArray()) {
      out_.append(static_cast<size_t>(indent), ' ');
      out_ += "-";
      After(item, indent + 2, true);
    }
  }

 private:
  void Literal(absl::string_view text, int indent) {
    out_ += " |\n";
    text.remove_suffix(1);
    for (const absl::string_view line : absl::StrSplit(text, '\n')) {
      if (!line.empty())
        absl::StrAppend(&out_, std::string(static_cast<size_t>(indent), ' '), line);
      out_ += "\n";
    }
  }

  std::string out_;
};

}  // namespace

rapidjson::Value JsonBuilder::Text(absl::string_view text) {
  const std::string valid = ValidUtf8(text);
  return rapidjson::Value(valid.data(), static_cast<rapidjson::SizeType>(valid.size()), allocator_);
}

void JsonBuilder::Add(rapidjson::Value& object, absl::string_view key, rapidjson::Value value) {
  object.AddMember(Text(key), value, allocator_);
}

void JsonBuilder::Add(rapidjson::Value& object, absl::string_view key, absl::string_view text) {
  Add(object, key, Text(text));
}

void JsonBuilder::Add(rapidjson::Value& object, absl::string_view key, const char* text) {
  Add(object, key, Text(text));
}

void JsonBuilder::Add(rapidjson::Value& object, absl::string_view key, int number) {
  Add(object, key, rapidjson::Value(number));
}

void JsonBuilder::Add(rapidjson::Value& object, absl::string_view key, bool truth) {
  Add(object, key, rapidjson::Value(truth));
}

void JsonBuilder::AddUnlessEmpty(rapidjson::Value& object, absl::string_view key,
                                 absl::string_view text) {
  if (!text.empty()) Add(object, key, text);
}

void JsonBuilder::Append(rapidjson::Value& array, rapidjson::Value value) {
  array.PushBack(value, allocator_);
}

void JsonBuilder::Append(rapidjson::Value& array, absl::string_view text) {
  Append(array, Text(text));
}

std::string PrintJson(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  value.Accept(writer);
  return absl::StrCat(absl::string_view(buffer.GetString(), buffer.GetSize()), "\n");
}

std::string PrintYaml(const rapidjson::Value& value) {
  YamlPrinter printer;
  if (value.IsObject() && value.MemberCount() > 0) {
    printer.Members(value, 0, false);
  } else if (value.IsArray() && !value.Empty()) {
    printer.Items(value, 0);
  } else {
    return absl::StrCat(QuotedJson(value), "\n");
  }
  return printer.Take();
}

}  // namespace varmor
