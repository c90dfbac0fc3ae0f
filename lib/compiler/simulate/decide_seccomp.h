// What a seccomp profile would do with a system call, and with an event that takes one.
#ifndef LIB_COMPILER_SIMULATE_DECIDE_SECCOMP_H_
#define LIB_COMPILER_SIMULATE_DECIDE_SECCOMP_H_

#include <vector>

#include "absl/status/statusor.h"
#include "lib/compiler/ir/seccomp_profile.h"
#include "lib/compiler/simulate/verdict.h"
#include "proto/artifact.pb.h"
#include "proto/event.pb.h"

namespace varmor {

class SeccompSimulator {
 public:
  // INVALID_ARGUMENT for a text that ParseOciSeccomp refuses.
  static absl::StatusOr<SeccompSimulator> Load(const SeccompArtifact& artifact);

  // Syscall events: what libseccomp's filter, as OCI runtimes build it, answers. INVALID_ARGUMENT
  // for a syscall that does not exist. Other events that take particular calls (mounting, tracing,
  // creating a socket): denied when every call that can do it is denied with any arguments, allowed
  // when none is with any arguments, else unknown with the calls in the reason. The rest (a filter
  // cannot see paths) is not mediated.
  absl::StatusOr<Verdict> Decide(const Event& event) const;

 private:
  SeccompProfile profile_;
  std::vector<RuleOrigin> rules_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_DECIDE_SECCOMP_H_
