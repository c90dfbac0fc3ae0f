#include "lib/compiler/load/yaml_document.h"

#include <algorithm>
#include <exception>
#include <istream>
#include <memory>
#include <streambuf>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/load/scalar.h"
#include "lib/compiler/load/source_text.h"
#include "lib/compiler/load/tree_builder.h"
#include "yaml-cpp/depthguard.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/mark.h"
#include "yaml-cpp/parser.h"

namespace varmor {
namespace {

using Kind = DocumentNode::Kind;

// The parser's way to say "no tag".
constexpr absl::string_view kNoTag = "?";
constexpr absl::string_view kQuotedTag = "!";
constexpr absl::string_view kCoreTags = "tag:yaml.org,2002:";

// The parser recurses, and keeps every token of a "[" or "{" until its end: more than this is
// refused before it is asked.
constexpr int kFlowDepth = 10000;

// Reads a text in place.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(absl::string_view text) {
    char* begin = const_cast<char*>(text.data());  // only read from
    setg(begin, begin, begin + text.size());
  }
};

// Thrown through the parser to end a parse whose mistake is reported already.
struct StopParsing {};

TextPlace PlaceOf(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

size_t OffsetOf(const YAML::Mark& mark) { return mark.pos < 0 ? 0 : static_cast<size_t>(mark.pos); }

class YamlHandler : public YAML::EventHandler {
 public:
  YamlHandler(absl::string_view text, TreeBuilder* builder, ParsedDocuments* out)
      : text_(text), builder_(builder), out_(out) {}

  int index() const { return index_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    ++index_;
    anchors_.clear();
    const size_t offset = OffsetOf(mark);
    builder_->Start(index_, offset);
    // Left-over tokens look like a further document to the parser, and one that it never takes
    // looks like endlessly many.
    const bool moved = index_ == 0 || offset > document_offset_;
    document_offset_ = offset;
    if (index_ == 0 || (moved && BeginsDocument(offset))) return;
    builder_->Spoil(
        "syntax", PlaceOf(mark),
        "not valid YAML: text after the end of the document; nothing from here on was read",
        "check the indentation, or separate documents by a line \"---\"");
    throw StopParsing();
  }

  void OnDocumentEnd() override {
    const bool spoiled = builder_->spoiled();
    std::unique_ptr<DocumentNode> root = builder_->Finish();
    if (root != nullptr) {
      out_->documents.push_back(std::move(root));
      out_->indexes.push_back(index_);
    } else if (!spoiled) {
      ++out_->empty_documents;
    }
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Remember(anchor, builder_->AddNull(OffsetOf(mark), NullPlace(mark)));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto it = anchors_.find(anchor);
    if (it != anchors_.end()) builder_->AddCopy(it->second, PlaceOf(mark));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (!CheckTag(mark, tag, {"str", "int", "bool", "float", "null"})) return;
    if (tag != kNoTag) CheckQuotes(mark);
    const bool plain = tag != kQuotedTag && tag != absl::StrCat(kCoreTags, "str");
    Remember(anchor, builder_->AddScalar(OffsetOf(mark), PlaceOf(mark), value, plain));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    if (!CheckTag(mark, tag, {"seq"})) return;
    Remember(anchor, builder_->StartCollection(Kind::kSequence, OffsetOf(mark), PlaceOf(mark)));
  }

  void OnSequenceEnd() override { builder_->EndCollection(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    if (!CheckTag(mark, tag, {"map"})) return;
    Remember(anchor, builder_->StartCollection(Kind::kMapping, OffsetOf(mark), PlaceOf(mark)));
  }

  void OnMapEnd() override { builder_->EndCollection(); }

 private:
  bool BeginsDocument(size_t offset) const {
    const absl::string_view rest = text_.substr(std::min(offset, text_.size()));
    if (absl::StartsWith(rest, "---")) return true;
    // "..." may end the document before, and comments may follow it.
    absl::string_view before = text_.substr(0, text_.size() - rest.size());
    while (!before.empty()) {
      before = absl::StripTrailingAsciiWhitespace(before);
      const size_t newline = before.rfind('\n');
      const absl::string_view line =
          newline == absl::string_view::npos ? before : before.substr(newline + 1);
      if (line.empty() || line.front() != '#') return absl::StartsWith(line, "...");
      before.remove_suffix(line.size());
    }
    return false;
  }

  // A value that is not written has the mark of whatever comes next: its key or its "-" is a better
  // place.
  TextPlace NullPlace(const YAML::Mark& mark) const {
    const size_t offset = std::min(OffsetOf(mark), text_.size());
    const absl::string_view rest = text_.substr(offset);
    for (const absl::string_view word : {"~", "null", "Null", "NULL", "&", "!"}) {
      if (absl::StartsWith(rest, word)) return PlaceOf(mark);
    }
    if (builder_->PendingKey() != nullptr) return builder_->PendingKey()->place;
    const absl::string_view before = absl::StripTrailingAsciiWhitespace(text_.substr(0, offset));
    if (!absl::EndsWith(before, "-")) return PlaceOf(mark);
    const absl::string_view skipped = text_.substr(before.size(), offset - before.size());
    const size_t newline = before.rfind('\n');
    const size_t line_start = newline == absl::string_view::npos ? 0 : newline + 1;
    return {mark.line + 1 - static_cast<int>(std::count(skipped.begin(), skipped.end(), '\n')),
            static_cast<int>(before.size() - line_start)};
  }

  // The parser takes the end of the text for a closing quote.
  void CheckQuotes(const YAML::Mark& mark) {
    if (builder_->spoiled() || QuotesAreClosed(text_, OffsetOf(mark))) return;
    builder_->Spoil(
        "syntax", PlaceOf(mark),
        "not valid YAML: the text's quote is never closed; nothing from here on was read",
        "close it, or write a quote inside text twice");
    throw StopParsing();
  }

  bool CheckTag(const YAML::Mark& mark, const std::string& tag,
                std::initializer_list<absl::string_view> known) {
    if (tag.empty() || tag == kNoTag || tag == kQuotedTag) return true;
    absl::string_view short_name = tag;
    if (absl::ConsumePrefix(&short_name, kCoreTags) &&
        std::find(known.begin(), known.end(), short_name) != known.end()) {
      return true;
    }
    builder_->Spoil("unknown-tag", PlaceOf(mark), absl::StrCat("tag ", Quoted(tag), " is unknown"),
                    "remove the tag");
    return false;
  }

  void Remember(YAML::anchor_t anchor, const DocumentNode* node) {
    if (anchor != YAML::NullAnchor && node != nullptr) anchors_[anchor] = node;
  }

  const absl::string_view text_;
  TreeBuilder* const builder_;
  ParsedDocuments* const out_;
  int index_ = -1;
  // Where the current document begins.
  size_t document_offset_ = 0;
  absl::flat_hash_map<YAML::anchor_t, const DocumentNode*> anchors_;
};

struct SyntaxError {
  TextPlace place;
  std::string reason;
  std::string fix;
};

absl::string_view LineAt(absl::string_view text, int line) {
  for (int i = 1; i < line; ++i) {
    const size_t newline = text.find('\n');
    if (newline == absl::string_view::npos) return "";
    text.remove_prefix(newline + 1);
  }
  return text.substr(0, text.find('\n'));
}

// The parser's reasons, and words for people who do not know its insides.
struct Reason {
  const char* theirs;
  const char* ours;
};

const Reason kReasons[] = {
    {YAML::ErrorMsg::MAP_VALUE, "a \":\" where no key can stand"},
    {YAML::ErrorMsg::MAP_KEY, "a \"?\" where no key can stand"},
    {YAML::ErrorMsg::BLOCK_ENTRY, "a \"-\" where no list can stand"},
    {YAML::ErrorMsg::END_OF_MAP, "this does not belong to the object above it"},
    {YAML::ErrorMsg::END_OF_SEQ, "this does not belong to the list above it"},
    {YAML::ErrorMsg::END_OF_MAP_FLOW, "a \"{\" is not closed"},
    {YAML::ErrorMsg::END_OF_SEQ_FLOW, "a \"[\" is not closed"},
    {YAML::ErrorMsg::FLOW_END, "a closing bracket that nothing opened"},
    {YAML::ErrorMsg::UNKNOWN_TOKEN, "a character that cannot begin a value"},
    {YAML::ErrorMsg::UNKNOWN_ANCHOR, "an alias that nothing defines"},
    {YAML::ErrorMsg::ALIAS_NOT_FOUND, "a \"*\" without the name of an alias"},
    {YAML::ErrorMsg::ANCHOR_NOT_FOUND, "a \"&\" without the name of an anchor"},
    {YAML::ErrorMsg::INVALID_HEX, "an escape without its hexadecimal digits"},
    {YAML::ErrorMsg::EOF_IN_SCALAR, "text that never ends"},
    {YAML::ErrorMsg::DOC_IN_SCALAR, "a document marker inside text"},
};

std::string ReasonText(absl::string_view reason) {
  for (const Reason& known : kReasons) {
    if (reason == known.theirs) return known.ours;
  }
  return std::string(reason);
}

std::string GuessFix(absl::string_view text, TextPlace place) {
  const absl::string_view line = LineAt(text, place.line);
  const absl::string_view indent = line.substr(0, line.find_first_not_of(" \t"));
  if (absl::StrContains(indent, "\t")) return "indent with spaces; YAML allows no tabs there";
  if (absl::StrContains(line, "{{")) return "render the template first; this is not YAML yet";
  if (absl::StrContains(line, ": ") || absl::StrContains(line, "*") ||
      absl::StrContains(line, "%") || absl::StrContains(line, "@") ||
      absl::StrContains(line, "`")) {
    return "check the indentation, and quote text that has special characters";
  }
  return "check the indentation and the quotes of this line and the one before";
}

void ReportSyntax(absl::string_view name, int document, const SyntaxError& error,
                  Diagnostics& diagnostics) {
  diagnostics.Error(
      "syntax", "",
      absl::StrCat("not valid YAML: ", error.reason, "; nothing after this place was read"),
      error.fix);
  Diagnostic& added = diagnostics.mutable_list().back();
  added.file = std::string(name);
  added.place = error.place;
  added.document = document;
}

// The last place of a text, for errors that have none.
TextPlace EndPlace(absl::string_view text) { return PlaceCursor(text).At(text.size()); }

// "---" at the start of a line, with nothing but white space behind it.
bool IsDocumentMarker(absl::string_view text) {
  return absl::ConsumePrefix(&text, "---") && (text.empty() || absl::ascii_isspace(text.front()));
}

// Refuses what would make the parser keep millions of tokens. Counts brackets and commas of all
// texts, as only a parser knows which of them are syntax; no policy comes near the bounds.
bool CheckFlow(absl::string_view name, absl::string_view text, const DocumentLimits& limits,
               Diagnostics& diagnostics) {
  int depth = 0;
  int document = 0;
  size_t separators = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '-' && (i == 0 || text[i - 1] == '\n') && IsDocumentMarker(text.substr(i, 4))) {
      depth = 0;
      separators = 0;
      if (i > 0) ++document;
    }
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (c == ',' || c == '[' || c == '{') ++separators;
    if (depth <= kFlowDepth && separators <= limits.nodes) continue;
    const bool deep = depth > kFlowDepth;
    diagnostics.Error(
        deep ? "too-deep" : "too-many-nodes", "",
        absl::StrCat(deep ? absl::StrCat("more than ", kFlowDepth, " brackets are open")
                          : absl::StrCat("the document has more than ", limits.nodes,
                                         " brackets and commas"),
                     "; the file was not read"),
        deep ? "close the brackets" : "split it into several documents");
    Diagnostic& added = diagnostics.mutable_list().back();
    added.file = std::string(name);
    added.place = PlaceCursor(text).At(i);
    added.document = document;
    return false;
  }
  return true;
}

// Everything the parser may throw ends here.
bool RunParser(absl::string_view text, YamlHandler* handler, SyntaxError* error) {
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(*handler)) {
    }
    return true;
  } catch (const StopParsing&) {
    return false;
  } catch (const YAML::DeepRecursion& e) {
    error->place = PlaceOf(e.mark);
    error->reason = "lists and objects are nested too deep to read on";
    error->fix = "a policy needs fewer than 16 levels";
  } catch (const YAML::Exception& e) {
    // An escape cut short by the end of the text is "found" behind it.
    const bool inside = !e.mark.is_null() && OffsetOf(e.mark) <= text.size();
    error->place = inside ? PlaceOf(e.mark) : EndPlace(text);
    error->reason = ReasonText(e.msg);
    error->fix = GuessFix(text, error->place);
  } catch (const std::exception& e) {
    error->place = EndPlace(text);
    error->reason = e.what();
  }
  return false;
}

}  // namespace

bool ParseYaml(absl::string_view name, absl::string_view text, const DocumentLimits& limits,
               ParsedDocuments* out, Diagnostics& diagnostics) {
  if (!CheckFlow(name, text, limits, diagnostics)) return false;
  TreeBuilder builder(name, text, limits, diagnostics);
  YamlHandler handler(text, &builder, out);
  SyntaxError error;
  if (RunParser(text, &handler, &error)) return true;
  if (!error.reason.empty()) {
    ReportSyntax(name, std::max(handler.index(), 0), error, diagnostics);
  }
  return false;
}

}  // namespace varmor
