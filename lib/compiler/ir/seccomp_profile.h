// The seccomp filter of one profile, as an OCI runtime reads it. Output of lower_seccomp, and what
// parse_oci_seccomp makes of a profile that somebody else wrote.
#ifndef LIB_COMPILER_IR_SECCOMP_PROFILE_H_
#define LIB_COMPILER_IR_SECCOMP_PROFILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/compiler/ir/origin.h"
#include "lib/compiler/ir/seccomp_rules.h"

namespace varmor {

// One element of `syscalls`.
struct SeccompEntry {
  std::vector<std::string> names;
  // "SCMP_ACT_ERRNO", ...
  std::string action;
  // Absent: the runtime's default, EPERM.
  std::optional<uint32_t> errno_ret;
  // In a lowered profile no index occurs twice, so all of them have to hold.
  std::vector<SeccompArg> args;
  Origin origin;
};

// Members in the order in which they are printed. Empty ones are left out.
struct SeccompProfile {
  std::string default_action;
  std::optional<uint32_t> default_errno_ret;
  // Native one first.
  std::vector<std::string> architectures;
  std::vector<std::string> flags;
  std::string listener_path;
  std::string listener_metadata;
  std::vector<SeccompEntry> entries;
};

}  // namespace varmor

#endif  // LIB_COMPILER_IR_SECCOMP_PROFILE_H_
