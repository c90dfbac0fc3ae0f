#include "lib/compiler/seccomp/seccomp_outcome.h"

#include "absl/strings/str_cat.h"
#include "lib/compiler/seccomp/syscall_tables.h"

namespace varmor {

SeccompOutcome SeccompOutcome::Of(absl::string_view action, std::optional<uint32_t> errno_ret) {
  SeccompOutcome outcome;
  outcome.action = std::string(action == "SCMP_ACT_KILL" ? "SCMP_ACT_KILL_THREAD" : action);
  const SeccompActionWord* word = FindSeccompAction(action);
  if (word == nullptr) return outcome;
  outcome.denies = word->denies;
  if (word->takes_errno) outcome.errno_value = errno_ret.value_or(kDefaultSeccompErrno);
  return outcome;
}

std::string SeccompOutcome::Text() const {
  if (errno_value == 0 && action != "SCMP_ACT_ERRNO") return action;
  return absl::StrCat(action, "(", errno_value, ")");
}

}  // namespace varmor
