#include "lib/compiler/policy/profile_name.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace varmor {

std::string ProfileName(const PolicyObject& object, absl::string_view install_namespace) {
  const ObjectMeta& metadata = object.metadata();
  if (object.kind() == kClusterPolicyKind) {
    return absl::AsciiStrToLower(
        absl::StrCat("varmor-cluster-", install_namespace, "-", metadata.name()));
  }
  const absl::string_view name_space =
      metadata.namespace_().empty() ? "default" : absl::string_view(metadata.namespace_());
  return absl::AsciiStrToLower(absl::StrCat("varmor-", name_space, "-", metadata.name()));
}

}  // namespace varmor
