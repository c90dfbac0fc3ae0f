// The words of an OCI seccomp profile: syscalls, actions, operators, architectures, flags.
#ifndef LIB_COMPILER_SECCOMP_SYSCALL_TABLES_H_
#define LIB_COMPILER_SECCOMP_SYSCALL_TABLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace varmor {

// Highest errno a filter can return: libseccomp refuses 4095 (MAX_ERRNO of the kernel) and up.
inline constexpr uint32_t kMaxSeccompErrno = 4094;

// EPERM: what SCMP_ACT_ERRNO without a number returns.
inline constexpr uint32_t kDefaultSeccompErrno = 1;

enum class SyscallKnowledge {
  // No architecture has it: a typing error, or newer than every table here.
  kUnknown,
  // Only architectures that were not asked for have it.
  kElsewhere,
  // Too new for libseccomp 2.5 (runtimes linked with that ignore the name); every architecture has
  // it.
  kNewer,
  kKnown,
};

// What is known about syscall `name`. Architectures are words such as "SCMP_ARCH_X86_64"; an empty
// list stands for all.
SyscallKnowledge LookUpSyscall(absl::string_view name,
                               const std::vector<std::string>& architectures);

// The call's own number on `architecture`; -1 where it has none, or libseccomp does not tell it.
int SyscallNumber(absl::string_view name, absl::string_view architecture);

// Every known name, sorted: for "did you mean".
const std::vector<std::string>& SyscallNames();

struct SeccompActionWord {
  const char* word;
  // errnoRet may stand beside it.
  bool takes_errno;
  // The call does not happen, whatever a listener or tracer says.
  bool denies;
};

// Null when `word` is no action. "SCMP_ACT_KILL" is the old word for "SCMP_ACT_KILL_THREAD".
const SeccompActionWord* FindSeccompAction(absl::string_view word);
const std::vector<std::string>& SeccompActionWords();

bool IsSeccompOperator(absl::string_view word);
const std::vector<std::string>& SeccompOperatorWords();

struct SeccompArchitecture {
  const char* word;
  // SCMP_ARCH_* of libseccomp 2.5 (an AUDIT_ARCH_*, or x32's own); 0 for those it does not know.
  uint32_t token;
  bool big_endian;
  // libseccomp compares the lower half of arguments only.
  bool narrow;
};

const SeccompArchitecture* FindSeccompArchitecture(absl::string_view word);
const std::vector<std::string>& SeccompArchitectureWords();

const std::vector<std::string>& SeccompFlagWords();

}  // namespace varmor

#endif  // LIB_COMPILER_SECCOMP_SYSCALL_TABLES_H_
