// The BPF enforcer's answer about an event, in the form that all enforcers share. decide_bpf.h has
// the decisions themselves.
#ifndef LIB_COMPILER_SIMULATE_DECIDE_BPF_EVENT_H_
#define LIB_COMPILER_SIMULATE_DECIDE_BPF_EVENT_H_

#include <utility>
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

  // INVALID_ARGUMENT for words that do not exist.
  absl::StatusOr<Verdict> Decide(const Event& event) const;

 private:
  BpfEventSimulator(BpfSimulator image, std::vector<RuleOrigin> rules, bool addresses_missing)
      : image_(std::move(image)), rules_(std::move(rules)), addresses_missing_(addresses_missing) {}

  BpfSimulator image_;
  std::vector<RuleOrigin> rules_;
  bool addresses_missing_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_DECIDE_BPF_EVENT_H_
