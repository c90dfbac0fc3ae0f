// What a seccomp profile would do with a system call, and with an event that takes one.
#ifndef LIB_COMPILER_SIMULATE_DECIDE_SECCOMP_H_
#define LIB_COMPILER_SIMULATE_DECIDE_SECCOMP_H_

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/seccomp/filter_rules.h"
#include "lib/compiler/simulate/seccomp_event_calls.h"
#include "lib/compiler/simulate/verdict.h"
#include "proto/artifact.pb.h"
#include "proto/event.pb.h"

namespace varmor {

class SeccompSimulator {
 public:
  // INVALID_ARGUMENT for a text that ParseOciSeccomp refuses.
  static absl::StatusOr<SeccompSimulator> Load(const SeccompArtifact& artifact);

  // Syscall events: what libseccomp's filter, as OCI runtimes build it, answers; unknown where
  // runtimes do not start with the profile, where libseccomp cannot be relied on, and where a
  // tracer or listener decides. The reason says where runc refuses with another error than the
  // profile's (AnsweredByRunc). INVALID_ARGUMENT for a syscall or architecture that does not exist.
  //
  // Other events that take particular calls (mounting, tracing, opening a file; see
  // seccomp_event_calls.h): denied when every way to bring the event about is denied with any
  // arguments, allowed when none is with any, else unknown with the calls in the reason. The answer
  // is for programs of the native architecture. The rest (capabilities) is not mediated.
  absl::StatusOr<Verdict> Decide(const Event& event) const;

  // The answer to a call by the number that the architecture has for it: without what programs of
  // some architectures can do through socketcall or ipc. Unknown where Decide says so of the call.
  Verdict DecideOwnNumber(const SyscallEvent& call) const;

  const FilterRules& filter() const { return filter_; }
  // What an answer of entry `entry` is reported as.
  ResponsibleRule RuleOf(size_t entry) const;

 private:
  SeccompSimulator(FilterRules filter, std::vector<RuleOrigin> rules);

  Verdict DecideCall(const SyscallEvent& call, bool own_number_only) const;
  Verdict DecideEvent(const Event& event) const;
  std::string NativeArchitecture() const;
  // Whether runc puts ENOSYS before the filter for a call that no entry is about, so that programs
  // fall back on older calls: where the default denies and the call is newer on its architecture
  // than all that the profile names.
  bool AnsweredByRunc(absl::string_view architecture, const std::string& name) const;
  Verdict AnswerOf(const SeccompOutcome& outcome, const std::vector<size_t>& entries) const;
  Verdict OwnNumber(absl::string_view architecture, const std::string& name,
                    const ArgConjunction& known) const;
  Verdict AnyNumber(absl::string_view architecture, const std::string& name,
                    const ArgConjunction& known) const;
  Verdict Way(absl::string_view architecture, const EventWay& way) const;

  FilterRules filter_;
  std::vector<RuleOrigin> rules_;
  // The highest number of a call that the profile names, for each architecture that it lists; 0
  // where it names none.
  std::map<std::string, int> newest_named_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_DECIDE_SECCOMP_H_
