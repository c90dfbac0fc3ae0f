// Reads members of JSON objects that others wrote: types are checked, and every problem is kept.
#ifndef RUNTIME_PROTOCOL_JSON_FIELDS_H_
#define RUNTIME_PROTOCOL_JSON_FIELDS_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace varmor {

using Json = nlohmann::json;

// Compact text, keys sorted; bytes that are not UTF-8 become U+FFFD.
std::string JsonText(const Json& value);

// What one JSON text may hold: a text of 8 MiB that is nothing but "{},{}," takes 240 MB when it is
// parsed. Enough for two objects of 1.5 MiB (the limit of etcd) with a value every 15 bytes.
inline constexpr int kJsonValueLimit = 200000;
// Objects of Kubernetes have less than 30 levels. Copying and comparing goes down by recursion.
inline constexpr int kJsonDepthLimit = 500;

// Whether a text of others may be parsed; it is not looked at otherwise. INVALID_ARGUMENT: it nests
// deeper, or has more values. Commas and brackets outside of strings are counted, of which an empty
// object or array has one more than values.
absl::Status CheckJsonLimits(absl::string_view text);

// One object. Refers to what it was made of.
//
//     std::vector<std::string> problems;
//     const JsonFields fields(object, "", problems);
//     const std::string name = fields.Child("metadata").RequiredText("name");
//     if (!problems.empty()) ...  // "metadata.name: is missing"
class JsonFields {
 public:
  // `path` is how `value` is called in problems; "" for the whole document.
  JsonFields(const Json& value, std::string path, std::vector<std::string>& problems);

  // The value; "", 0 or false when it is absent, null, or of another type, which is a problem.
  std::string Text(absl::string_view key) const;
  bool Bool(absl::string_view key) const;
  int64_t Number(absl::string_view key, int64_t least = std::numeric_limits<int64_t>::min(),
                 int64_t most = std::numeric_limits<int64_t>::max()) const;
  // Absent or empty is a problem too.
  std::string RequiredText(absl::string_view key) const;
  // The member, an empty object when it is absent or none.
  JsonFields Child(absl::string_view key) const;
  // The member when it is an array, otherwise an empty one.
  const Json& List(absl::string_view key) const;

  // Absent and null are the same.
  bool Has(absl::string_view key) const;
  const Json& value() const { return *value_; }
  // "spec.profile.name" of "name".
  std::string PathOf(absl::string_view key) const;
  void Problem(absl::string_view key, absl::string_view text) const;

 private:
  // Null when the key is absent or null.
  const Json* Find(absl::string_view key) const;

  const Json* value_;
  std::string path_;
  std::vector<std::string>* problems_;
};

// OK, or INVALID_ARGUMENT with all problems, "what: first; second".
absl::Status ProblemsStatus(absl::string_view what, const std::vector<std::string>& problems);

}  // namespace varmor

#endif  // RUNTIME_PROTOCOL_JSON_FIELDS_H_
