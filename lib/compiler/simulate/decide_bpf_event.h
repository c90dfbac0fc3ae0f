// The BPF enforcer's answer about an event, in the form that all enforcers share. decide_bpf.h has
// the decisions themselves.
#ifndef LIB_COMPILER_SIMULATE_DECIDE_BPF_EVENT_H_
#define LIB_COMPILER_SIMULATE_DECIDE_BPF_EVENT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/compiler/simulate/decide_bpf.h"
#include "lib/compiler/simulate/verdict.h"
#include "proto/artifact.pb.h"
#include "proto/event.pb.h"

namespace varmor {

class BpfEventSimulator {
 public:
  // INVALID_ARGUMENT for what CheckBpfImage refuses.
  static absl::StatusOr<BpfEventSimulator> Load(const BpfArtifact& artifact);
  // Without an artifact everything is allowed.
  static BpfEventSimulator WithoutArtifact();

  // INVALID_ARGUMENT for words that do not exist.
  //
  // A renaming is judged by its new name, which has to be writable, by its old one, which has to be
  // readable and writable, and as the old name of what rules protect below it; a link by the first
  // two; unmounting and moving a mount also by what rules protect below it. Where the old name is
  // not given and would matter, the answer is kUnknown.
  absl::StatusOr<Verdict> Decide(const Event& event) const;

  const BpfSimulator& image() const { return image_; }

 private:
  BpfEventSimulator() = default;

  // What decides beside the event's own thing. `reason` says what it is about.
  struct Part {
    BpfVerdict verdict;
    std::string reason;
  };
  std::vector<Part> PartsOf(const Event& event) const;
  // Why no rule is named.
  std::string DefaultReason(const Event& event, const BpfVerdict& verdict) const;
  std::string UnknownReason(const Event& event) const;
  bool OldNamesMatter(bool directories) const;
  void AddRules(const std::vector<int>& numbers, Verdict& out) const;

  BpfSimulator image_;
  std::vector<RuleOrigin> rules_;
  bool has_artifact_ = false;
  // Holes that are not filled.
  bool addresses_missing_ = false;
  bool disks_missing_ = false;
};

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_DECIDE_BPF_EVENT_H_
