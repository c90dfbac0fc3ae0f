// Field paths as an author types them: spec.policy.files[0].permissions[1], and `["a.b"]` for keys
// with other characters than letters, digits, "_" and "-".
#ifndef LIB_COMPILER_LOAD_FIELD_PATH_H_
#define LIB_COMPILER_LOAD_FIELD_PATH_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace varmor {

// One step: a key, or (with `is_index`) the number of a list's item.
struct FieldStep {
  std::string key;
  size_t index = 0;
  bool is_index = false;
};

// `path` followed by a key. Very long keys are cut: such a path is for reading only.
std::string JoinKey(absl::string_view path, absl::string_view key);

// `path` followed by the number of an item: "files[3]".
std::string JoinIndex(absl::string_view path, size_t index);

// The steps of a path; those before the first mistake when it is not well formed.
std::vector<FieldStep> SplitFieldPath(absl::string_view path);

}  // namespace varmor

#endif  // LIB_COMPILER_LOAD_FIELD_PATH_H_
