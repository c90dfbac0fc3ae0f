#include "runtime/kube/kube_object.h"

#include <limits>

#include "absl/strings/str_cat.h"

namespace varmor {

using Json = nlohmann::json;

const Json* FieldAt(const Json& object, std::initializer_list<absl::string_view> path) {
  const Json* field = &object;
  for (const absl::string_view key : path) {
    if (!field->is_object()) return nullptr;
    const auto found = field->find(std::string(key));
    if (found == field->end()) return nullptr;
    field = &*found;
  }
  return field;
}

std::string TextAt(const Json& object, std::initializer_list<absl::string_view> path) {
  const Json* field = FieldAt(object, path);
  return field != nullptr && field->is_string() ? field->get<std::string>() : "";
}

absl::optional<int64_t> NumberAt(const Json& object,
                                 std::initializer_list<absl::string_view> path) {
  const Json* field = FieldAt(object, path);
  if (field == nullptr || !field->is_number_integer()) return absl::nullopt;
  if (field->is_number_unsigned() &&
      field->get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return absl::nullopt;
  }
  return field->get<int64_t>();
}

std::string KubeKeyOf(const Json& object) {
  const std::string name = TextAt(object, {"metadata", "name"});
  const std::string name_space = TextAt(object, {"metadata", "namespace"});
  return name_space.empty() ? name : absl::StrCat(name_space, "/", name);
}

}  // namespace varmor
