// Reading fields of Kubernetes objects that may lack them.
#ifndef RUNTIME_KUBE_KUBE_OBJECT_H_
#define RUNTIME_KUBE_KUBE_OBJECT_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "nlohmann/json.hpp"

namespace varmor {

// The value at a path of keys; nullptr when a key is missing or something on the way is no object.
const nlohmann::json* FieldAt(const nlohmann::json& object,
                              std::initializer_list<absl::string_view> path);

// "" when it is missing or not text.
std::string TextAt(const nlohmann::json& object, std::initializer_list<absl::string_view> path);

// Nothing when it is missing or not a whole number that fits.
absl::optional<int64_t> NumberAt(const nlohmann::json& object,
                                 std::initializer_list<absl::string_view> path);

// "NAMESPACE/NAME", or "NAME" for an object without a namespace.
std::string KubeKeyOf(const nlohmann::json& object);

}  // namespace varmor

#endif  // RUNTIME_KUBE_KUBE_OBJECT_H_
