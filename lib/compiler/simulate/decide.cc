#include "lib/compiler/simulate/decide.h"

#include <optional>
#include <utility>

#include "lib/compiler/simulate/decide_app_armor.h"
#include "lib/compiler/simulate/decide_bpf_event.h"
#include "lib/compiler/simulate/decide_seccomp.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

using Outcome = Verdict::Outcome;

// A denial by anybody is one; then anything unknown; what nobody sees comes last.
int Rank(const Verdict& verdict) {
  switch (verdict.outcome) {
    case Outcome::kDeny:
      return 0;
    case Outcome::kUnknown:
      return 1;
    case Outcome::kAllow:
      return 2;
    case Outcome::kNotMediated:
      return 3;
  }
  return 3;
}

Verdict Combine(const std::vector<EnforcerVerdict>& all) {
  Verdict combined;
  combined.outcome = Outcome::kNotMediated;
  combined.reason = "no enforcer of the policy sees such an event";
  for (const EnforcerVerdict& one : all) {
    if (Rank(one.verdict) < Rank(combined)) combined = one.verdict;
  }
  for (const EnforcerVerdict& one : all) {
    if (one.verdict.outcome != combined.outcome) continue;
    // An allowing verdict with rules tells more than a default.
    if (combined.rules.empty() && !one.verdict.rules.empty()) {
      const bool reported = combined.reported;
      combined = one.verdict;
      combined.reported |= reported;
    }
    combined.reported |= one.verdict.reported;
    combined.would_deny |= one.verdict.would_deny;
  }
  return combined;
}

}  // namespace

struct Simulator::Parts {
  std::optional<AppArmorSimulator> app_armor;
  std::optional<BpfEventSimulator> bpf;
  std::optional<SeccompSimulator> seccomp;
};

Simulator::Simulator(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Simulator::Simulator(Simulator&&) noexcept = default;
Simulator& Simulator::operator=(Simulator&&) noexcept = default;
Simulator::~Simulator() = default;

absl::StatusOr<Simulator> Simulator::Load(const ArtifactSet& artifacts,
                                          const SimulateOptions& options) {
  auto parts = std::make_unique<Parts>();
  if (artifacts.app_armor != nullptr) {
    VARMOR_ASSIGN_OR_RETURN(parts->app_armor,
                            AppArmorSimulator::Load(*artifacts.app_armor, options));
  }
  if (artifacts.bpf != nullptr) {
    VARMOR_ASSIGN_OR_RETURN(parts->bpf, BpfEventSimulator::Load(*artifacts.bpf));
  }
  if (artifacts.seccomp != nullptr) {
    VARMOR_ASSIGN_OR_RETURN(parts->seccomp, SeccompSimulator::Load(*artifacts.seccomp));
  }
  return Simulator(std::move(parts));
}

absl::StatusOr<CombinedVerdict> Simulator::Decide(const Event& event) const {
  CombinedVerdict out;
  if (parts_->app_armor.has_value()) {
    VARMOR_ASSIGN_OR_RETURN(Verdict verdict, parts_->app_armor->Decide(event));
    out.enforcers.push_back({"AppArmor", std::move(verdict)});
  }
  if (parts_->bpf.has_value()) {
    VARMOR_ASSIGN_OR_RETURN(Verdict verdict, parts_->bpf->Decide(event));
    out.enforcers.push_back({"BPF", std::move(verdict)});
  }
  if (parts_->seccomp.has_value()) {
    VARMOR_ASSIGN_OR_RETURN(Verdict verdict, parts_->seccomp->Decide(event));
    out.enforcers.push_back({"Seccomp", std::move(verdict)});
  }
  out.combined = Combine(out.enforcers);
  return out;
}

}  // namespace varmor
