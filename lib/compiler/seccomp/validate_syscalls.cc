#include "lib/compiler/seccomp/validate_syscalls.h"

namespace varmor {

SeccompRule RawSeccompRule(const LinuxSyscall& syscall, absl::string_view field) {
  SeccompRule rule;
  rule.names.assign(syscall.names().begin(), syscall.names().end());
  rule.action = syscall.action();
  if (syscall.has_errno_ret()) rule.errno_ret = syscall.errno_ret();
  for (const LinuxSeccompArg& arg : syscall.args()) {
    rule.args.push_back({arg.index(), arg.value(), arg.value_two(), arg.op()});
  }
  rule.origin = {"raw", std::string(field)};
  return rule;
}

void ValidateSyscalls(const google::protobuf::RepeatedPtrField<LinuxSyscall>& syscalls,
                      absl::string_view field, const SyscallContext& context,
                      Diagnostics& diagnostics) {
  (void)syscalls, (void)field, (void)context, (void)diagnostics;
}

void CheckSyscallEntries(const ParsedSeccomp& parsed, absl::string_view field,
                         const SyscallContext& context, Diagnostics& diagnostics) {
  (void)parsed, (void)field, (void)context, (void)diagnostics;
}

}  // namespace varmor
