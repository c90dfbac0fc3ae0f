#include "lib/compiler/load/json_document.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/load/source_text.h"
#include "lib/compiler/load/tree_builder.h"
#include "rapidjson/error/en.h"
#include "rapidjson/memorystream.h"
#include "rapidjson/reader.h"

namespace varmor {
namespace {

using Kind = DocumentNode::Kind;

// RapidJSON tells what a token is but not where it stood; the cursor walks the text beside it.
class JsonHandler {
 public:
  JsonHandler(absl::string_view text, TreeBuilder* builder)
      : text_(text), builder_(builder), places_(text) {}

  // The first byte of the next value, or the end of the text.
  size_t SkipToValue() {
    while (cursor_ < text_.size() && IsFiller(text_[cursor_])) ++cursor_;
    return cursor_;
  }

  TextPlace Here() { return places_.At(cursor_); }

  bool Null() { return Literal("null", true); }
  bool Bool(bool value) { return Literal(value ? "true" : "false", false); }
  bool RawNumber(const char* digits, rapidjson::SizeType length, bool) {
    const size_t offset = SkipToValue();
    const TextPlace place = Here();
    cursor_ += length;
    builder_->AddScalar(offset, place, absl::string_view(digits, length), true);
    return true;
  }
  bool String(const char* value, rapidjson::SizeType length, bool) {
    const size_t offset = SkipToValue();
    const TextPlace place = Here();
    SkipString();
    if (!IsUtf8(absl::string_view(value, length))) {
      // The parser lets a lone second half pass.
      builder_->Spoil("syntax", place, "not valid JSON: half of a surrogate pair",
                      "write both halves of the pair, or the character itself");
      return false;
    }
    builder_->AddScalar(offset, place, absl::string_view(value, length), false);
    return true;
  }
  bool Key(const char* value, rapidjson::SizeType length, bool copy) {
    return String(value, length, copy);
  }
  bool StartObject() { return Start(Kind::kMapping); }
  bool EndObject(rapidjson::SizeType) { return End(); }
  bool StartArray() { return Start(Kind::kSequence); }
  bool EndArray(rapidjson::SizeType) { return End(); }

  // Never called: numbers come as text.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(int64_t) { return false; }
  bool Uint64(uint64_t) { return false; }
  bool Double(double) { return false; }

 private:
  static bool IsFiller(char c) { return absl::ascii_isspace(c) || c == ',' || c == ':'; }

  bool Literal(absl::string_view word, bool null) {
    const size_t offset = SkipToValue();
    const TextPlace place = Here();
    cursor_ += word.size();
    if (null) {
      builder_->AddNull(offset, place);
    } else {
      builder_->AddScalar(offset, place, word, true);
    }
    return true;
  }

  // False ends the parse: no stack may grow with the nesting of a spoiled document.
  bool Start(Kind kind) {
    const size_t offset = SkipToValue();
    const TextPlace place = Here();
    ++cursor_;
    builder_->StartCollection(kind, offset, place);
    return !builder_->spoiled();
  }

  bool End() {
    SkipToValue();
    ++cursor_;
    builder_->EndCollection();
    return true;
  }

  void SkipString() {
    ++cursor_;
    while (cursor_ < text_.size() && text_[cursor_] != '"')
      cursor_ += text_[cursor_] == '\\' ? 2 : 1;
    ++cursor_;
  }

  const absl::string_view text_;
  TreeBuilder* const builder_;
  PlaceCursor places_;
  size_t cursor_ = 0;
};

absl::string_view Fix(rapidjson::ParseErrorCode code) {
  switch (code) {
    case rapidjson::kParseErrorObjectMissName:
      return "write the key in double quotes; a comma may not follow the last pair";
    case rapidjson::kParseErrorValueInvalid:
      return "write text in double quotes; a comma may not follow the last item";
    case rapidjson::kParseErrorStringMissQuotationMark:
      return "close the text with a double quote";
    case rapidjson::kParseErrorStringUnicodeSurrogateInvalid:
      return "write both halves of the surrogate pair, or the character itself";
    case rapidjson::kParseErrorStringEscapeInvalid:
      return "write a backslash as \\\\";
    case rapidjson::kParseErrorObjectMissCommaOrCurlyBracket:
      return "write a comma between two pairs and \"}\" after the last";
    case rapidjson::kParseErrorArrayMissCommaOrSquareBracket:
      return "write a comma between two items and \"]\" after the last";
    case rapidjson::kParseErrorObjectMissColon:
      return "write a colon after the key";
    default:
      return "";
  }
}

void ReportSyntax(absl::string_view name, int document, TextPlace place,
                  rapidjson::ParseErrorCode code, Diagnostics& diagnostics) {
  std::string reason = rapidjson::GetParseError_En(code);
  if (!reason.empty() && reason.back() == '.') reason.pop_back();
  if (!reason.empty()) reason.front() = absl::ascii_tolower(reason.front());
  diagnostics.Error("syntax", "",
                    absl::StrCat("not valid JSON: ", reason, "; nothing after this place was read"),
                    Fix(code));
  Diagnostic& added = diagnostics.mutable_list().back();
  added.file = std::string(name);
  added.place = place;
  added.document = document;
}

}  // namespace

bool ParseJson(absl::string_view name, absl::string_view text, const DocumentLimits& limits,
               ParsedDocuments* out, Diagnostics& diagnostics) {
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseStopWhenDoneFlag |
                              rapidjson::kParseNumbersAsStringsFlag;
  TreeBuilder builder(name, text, limits, diagnostics);
  JsonHandler handler(text, &builder);
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  PlaceCursor error_places(text);
  for (int index = 0; handler.SkipToValue() < text.size(); ++index) {
    builder.Start(index, handler.SkipToValue());
    const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, handler);
    const bool spoiled = builder.spoiled();
    std::unique_ptr<DocumentNode> root = builder.Finish();
    if (result.IsError()) {
      if (result.Code() == rapidjson::kParseErrorTermination) {
        // The builder has reported why.
        diagnostics.mutable_list().back().problem += "; nothing after this place was read";
      } else {
        ReportSyntax(name, index, error_places.At(result.Offset()), result.Code(), diagnostics);
      }
      return false;
    }
    if (root != nullptr) {
      out->documents.push_back(std::move(root));
      out->indexes.push_back(index);
    } else if (!spoiled) {
      ++out->empty_documents;
    }
  }
  return true;
}

}  // namespace varmor
