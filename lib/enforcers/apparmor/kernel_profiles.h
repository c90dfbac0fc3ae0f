// The profiles that the kernel holds, read from securityfs.
#ifndef LIB_ENFORCERS_APPARMOR_KERNEL_PROFILES_H_
#define LIB_ENFORCERS_APPARMOR_KERNEL_PROFILES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace varmor {

struct KernelProfile {
  // "NAME" or "NAME//child_0".
  std::string name;
  // "enforce", "complain", ...
  std::string mode;
  // SHA-256, or SHA-1 before Linux 6.5 or so; "" when the kernel keeps none.
  std::string hash;
};

// One profile and its children, sorted by name: the profile first. Empty when it is not loaded.
// `directory` is that of AppArmor in securityfs. Knows only the namespace that the caller is in.
absl::StatusOr<std::vector<KernelProfile>> ReadKernelProfile(const std::string& directory,
                                                             absl::string_view name);

// The policy that a profile was loaded with, compiled, its children included; nothing when it is
// not loaded or the kernel does not keep it.
std::optional<std::string> ReadKernelPolicy(const std::string& directory, absl::string_view name);

}  // namespace varmor

#endif  // LIB_ENFORCERS_APPARMOR_KERNEL_PROFILES_H_
