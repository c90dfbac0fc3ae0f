#include "lib/compiler/seccomp/placed_json.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "rapidjson/error/en.h"
#include "rapidjson/memorystream.h"
#include "rapidjson/reader.h"

namespace varmor {
namespace {

// Builds the tree. RapidJSON tells where a token ends; where it starts follows from that, since
// only white space, commas and colons stand between two tokens.
class Builder {
 public:
  Builder(absl::string_view text, const rapidjson::MemoryStream& stream, PlacedJson& root)
      : text_(text), stream_(stream), root_(root) {}

  bool Null() { return Scalar(PlacedJson::Kind::kNull, ""); }
  bool Bool(bool value) { return Scalar(PlacedJson::Kind::kBool, value ? "true" : "false"); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    return Scalar(PlacedJson::Kind::kNumber, absl::string_view(text, size));
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return Scalar(PlacedJson::Kind::kString, absl::string_view(text, size));
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    PlacedJson& object = *open_.back();
    object.keys.emplace_back(text, size);
    object.key_offsets.push_back(TokenStart());
    end_ = stream_.Tell();
    return true;
  }
  bool StartObject() { return Start(PlacedJson::Kind::kObject); }
  bool StartArray() { return Start(PlacedJson::Kind::kArray); }
  bool EndObject(rapidjson::SizeType) { return End(); }
  bool EndArray(rapidjson::SizeType) { return End(); }
  // Numbers come as text.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(int64_t) { return false; }
  bool Uint64(uint64_t) { return false; }
  bool Double(double) { return false; }

  bool too_deep() const { return too_deep_; }
  size_t end() const { return end_; }

 private:
  size_t TokenStart() const {
    size_t at = end_;
    while (at < text_.size() &&
           (absl::ascii_isspace(text_[at]) || text_[at] == ',' || text_[at] == ':')) {
      ++at;
    }
    return at;
  }

  PlacedJson& Place() {
    PlacedJson* value = &root_;
    if (!open_.empty()) {
      // Growing the vector of an open value moves none of the open ones: they are its ancestors.
      open_.back()->items.emplace_back();
      value = &open_.back()->items.back();
    }
    value->offset = TokenStart();
    return *value;
  }

  bool Scalar(PlacedJson::Kind kind, absl::string_view text) {
    PlacedJson& value = Place();
    value.kind = kind;
    value.text = std::string(text);
    end_ = stream_.Tell();
    return true;
  }

  bool Start(PlacedJson::Kind kind) {
    PlacedJson& value = Place();
    value.kind = kind;
    end_ = value.offset + 1;
    too_deep_ = open_.size() >= static_cast<size_t>(kMaxJsonDepth);
    open_.push_back(&value);
    return !too_deep_;
  }

  bool End() {
    end_ = TokenStart() + 1;
    open_.pop_back();
    return true;
  }

  absl::string_view text_;
  const rapidjson::MemoryStream& stream_;
  PlacedJson& root_;
  std::vector<PlacedJson*> open_;
  size_t end_ = 0;
  bool too_deep_ = false;
};

std::string ProblemOf(rapidjson::ParseErrorCode code) {
  std::string text = rapidjson::GetParseError_En(code);
  while (!text.empty() && (text.back() == '.' || text.back() == ' ')) text.pop_back();
  if (!text.empty()) text[0] = absl::ascii_tolower(text[0]);
  return text;
}

}  // namespace

LineIndex::LineIndex(absl::string_view text) {
  starts_.push_back(0);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') starts_.push_back(i + 1);
  }
}

TextPlace LineIndex::At(size_t offset) const {
  const auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
  const size_t line = static_cast<size_t>(next - starts_.begin());
  return {static_cast<int>(line), static_cast<int>(offset - starts_[line - 1] + 1)};
}

PlacedJsonError ParsePlacedJson(absl::string_view text, PlacedJson& value) {
  // RapidJSON takes a NUL for the end of the text.
  if (const size_t nul = text.find('\0'); nul != absl::string_view::npos) {
    return {nul, "a NUL byte is not JSON"};
  }
  rapidjson::MemoryStream stream(text.data(), text.size());
  Builder builder(text, stream, value);
  rapidjson::Reader reader;
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag |
                              rapidjson::kParseValidateEncodingFlag |
                              rapidjson::kParseNumbersAsStringsFlag;
  const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, builder);
  if (!result.IsError()) return {};
  if (builder.too_deep()) {
    return {builder.end() - 1, absl::StrCat("nested more than ", kMaxJsonDepth, " deep")};
  }
  return {std::min(result.Offset(), text.size()), ProblemOf(result.Code())};
}

}  // namespace varmor
