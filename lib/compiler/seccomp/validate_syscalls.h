// Checks of syscall rules that people wrote: raw rules of a policy, entries of a custom profile.
#ifndef LIB_COMPILER_SECCOMP_VALIDATE_SYSCALLS_H_
#define LIB_COMPILER_SECCOMP_VALIDATE_SYSCALLS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_field.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/seccomp_rules.h"
#include "lib/compiler/seccomp/parse_oci_seccomp.h"
#include "proto/policy.pb.h"

namespace varmor {

struct SyscallContext {
  // What the profile does with calls that no entry names: "SCMP_ACT_ALLOW" in EnhanceProtect,
  // "SCMP_ACT_ERRNO" in DefenseInDepth ("SCMP_ACT_LOG" with allowViolations).
  std::string default_action = "SCMP_ACT_ALLOW";
  // The profile has a listenerPath; without one SCMP_ACT_NOTIFY cannot work. Not asked for raw
  // rules under another default than SCMP_ACT_ALLOW: LowerSeccomp checks these.
  bool has_listener = false;
  // Where the profile will run; empty: anywhere, and no warning about foreign syscalls.
  std::vector<std::string> architectures;
};

// The IR form of a raw rule that stands in `field`. No checks.
SeccompRule RawSeccompRule(const LinuxSyscall& syscall, absl::string_view field);

// Checks raw rules; `field` is the list ("spec.policy.enhanceProtect.syscallRawRules").
void ValidateSyscalls(const google::protobuf::RepeatedPtrField<LinuxSyscall>& syscalls,
                      absl::string_view field, const SyscallContext& context,
                      Diagnostics& diagnostics);

// The same checks for the entries of a parsed profile that stands in `field`.
void CheckSyscallEntries(const ParsedSeccomp& parsed, absl::string_view field,
                         const SyscallContext& context, Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_SECCOMP_VALIDATE_SYSCALLS_H_
