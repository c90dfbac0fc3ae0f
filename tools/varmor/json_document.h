// Output documents: RapidJSON trees, printed as JSON or YAML, always in the order they were built.
#ifndef TOOLS_VARMOR_JSON_DOCUMENT_H_
#define TOOLS_VARMOR_JSON_DOCUMENT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "rapidjson/document.h"

namespace varmor {

// Adds members and items to the values of one document. Text that is not UTF-8 gets U+FFFD in the
// place of each wrong byte.
class JsonBuilder {
 public:
  explicit JsonBuilder(rapidjson::Document& document) : allocator_(document.GetAllocator()) {}

  rapidjson::Value Text(absl::string_view text);
  void Add(rapidjson::Value& object, absl::string_view key, rapidjson::Value value);
  void Add(rapidjson::Value& object, absl::string_view key, absl::string_view text);
  void Add(rapidjson::Value& object, absl::string_view key, const char* text);
  void Add(rapidjson::Value& object, absl::string_view key, int number);
  void Add(rapidjson::Value& object, absl::string_view key, bool truth);
  // Only when `text` is not empty.
  void AddUnlessEmpty(rapidjson::Value& object, absl::string_view key, absl::string_view text);
  void Append(rapidjson::Value& array, rapidjson::Value value);
  void Append(rapidjson::Value& array, absl::string_view text);

  rapidjson::Document::AllocatorType& allocator() { return allocator_; }

 private:
  rapidjson::Document::AllocatorType& allocator_;
};

// Indented by two spaces, with a newline at the end.
std::string PrintJson(const rapidjson::Value& value);

// The same document in YAML's block style. Texts of several lines are literal blocks where YAML can
// say them so, other texts are quoted.
std::string PrintYaml(const rapidjson::Value& value);

}  // namespace varmor

#endif  // TOOLS_VARMOR_JSON_DOCUMENT_H_
