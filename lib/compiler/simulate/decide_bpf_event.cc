#include "lib/compiler/simulate/decide_bpf_event.h"

#include "lib/compiler/status/status_macros.h"

namespace varmor {

absl::StatusOr<BpfEventSimulator> BpfEventSimulator::Load(const BpfArtifact& artifact) {
  VARMOR_ASSIGN_OR_RETURN(BpfSimulator image, BpfSimulator::Load(artifact));
  bool addresses_missing = false;
  for (const int hole : artifact.holes()) addresses_missing |= hole == CLUSTER_ADDRESSES;
  return BpfEventSimulator(std::move(image), {artifact.rules().begin(), artifact.rules().end()},
                           addresses_missing);
}

absl::StatusOr<Verdict> BpfEventSimulator::Decide(const Event& event) const {
  Verdict out;
  absl::StatusOr<BpfVerdict> verdict = image_.Decide(event);
  if (absl::IsUnimplemented(verdict.status())) {
    out.outcome = Verdict::Outcome::kNotMediated;
    out.reason = "no BPF program sees such events";
    return out;
  }
  VARMOR_RETURN_IF_ERROR(verdict.status());
  out.reported = verdict->audit;
  out.would_deny = verdict->would_deny && !verdict->deny;
  if (verdict->rule >= 0) out.rules.push_back({verdict->rule, rules_[verdict->rule]});
  if (verdict->deny) {
    out.outcome = Verdict::Outcome::kDeny;
    out.effect = "EPERM";
    if (out.rules.empty()) out.reason = "no rule allows it, and the profile denies by default";
    return out;
  }
  if (event.has_connect() && addresses_missing_) {
    out.outcome = Verdict::Outcome::kUnknown;
    out.reason = "rules name services or pods whose addresses were not known when compiling";
    return out;
  }
  if (out.rules.empty()) {
    out.reason = out.would_deny ? "no rule allows it; the profile only observes"
                                : "no rule is about it, and the profile allows by default";
  }
  return out;
}

}  // namespace varmor
