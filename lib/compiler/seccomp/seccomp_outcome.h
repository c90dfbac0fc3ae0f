// What happens to a call: an action with its errno, as values that compare by meaning.
#ifndef LIB_COMPILER_SECCOMP_SECCOMP_OUTCOME_H_
#define LIB_COMPILER_SECCOMP_SECCOMP_OUTCOME_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace varmor {

struct SeccompOutcome {
  // "SCMP_ACT_KILL" is spelled "SCMP_ACT_KILL_THREAD".
  std::string action;
  // EPERM when none is given; 0 for actions without errno.
  uint32_t errno_value = 0;
  // The call does not happen, whatever a listener or tracer says.
  bool denies = false;

  static SeccompOutcome Of(absl::string_view action, std::optional<uint32_t> errno_ret);

  // "SCMP_ACT_ERRNO(1)", "SCMP_ACT_LOG".
  std::string Text() const;

  bool operator==(const SeccompOutcome& other) const {
    return action == other.action && errno_value == other.errno_value;
  }
  bool operator!=(const SeccompOutcome& other) const { return !(*this == other); }
};

}  // namespace varmor

#endif  // LIB_COMPILER_SECCOMP_SECCOMP_OUTCOME_H_
