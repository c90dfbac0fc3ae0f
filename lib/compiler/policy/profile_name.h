// The name of a policy's profile: in the kernel, of files, of maps.
#ifndef LIB_COMPILER_POLICY_PROFILE_NAME_H_
#define LIB_COMPILER_POLICY_PROFILE_NAME_H_

#include <string>

#include "absl/strings/string_view.h"
#include "proto/policy.pb.h"

namespace varmor {

// vArmor's limit: a profile's name is also a Kubernetes label value.
inline constexpr size_t kMaxProfileNameBytes = 63;

inline constexpr absl::string_view kClusterPolicyKind = "VarmorClusterPolicy";

// "varmor-NAMESPACE-POLICY" or "varmor-cluster-INSTALL_NAMESPACE-POLICY", in lower case. An absent
// namespace is "default". Not injective: see CheckProfileNames in compile.h.
std::string ProfileName(const PolicyObject& object, absl::string_view install_namespace);

}  // namespace varmor

#endif  // LIB_COMPILER_POLICY_PROFILE_NAME_H_
