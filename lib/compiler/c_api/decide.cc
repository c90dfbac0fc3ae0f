// varmor.h: deciding.
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "lib/compiler/c_api/objects.h"
#include "lib/compiler/c_api/varmor.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

varmor_verdict MakeVerdict(std::string enforcer, Verdict verdict) {
  std::string word = VerdictWord(verdict);
  return {std::move(enforcer), std::move(word), std::move(verdict)};
}

varmor_status Decide(const Simulator& simulator, const char* text, varmor_decision& decision) {
  Event event;
  Diagnostics mistakes;
  decision.combined.verdict.outcome = Verdict::Outcome::kUnknown;
  if (!ParseEventText(text, "event", event, mistakes)) {
    for (const Diagnostic& d : mistakes.list()) decision.problem += FormatDiagnostic(d);
    return VARMOR_INVALID_INPUT;
  }
  absl::StatusOr<CombinedVerdict> verdict = simulator.Decide(event);
  if (!verdict.ok()) {
    decision.problem = std::string(verdict.status().message());
    return VARMOR_INVALID_INPUT;
  }
  for (EnforcerVerdict& one : verdict->enforcers) {
    decision.verdicts.push_back(MakeVerdict(std::move(one.enforcer), std::move(one.verdict)));
  }
  decision.combined = MakeVerdict("", std::move(verdict->combined));
  return VARMOR_OK;
}

const RuleOrigin* OriginAt(const varmor_verdict* verdict, size_t index) {
  if (verdict == nullptr) return nullptr;
  const ResponsibleRule* rule = At(verdict->verdict.rules, index);
  return rule == nullptr ? nullptr : &rule->origin;
}

}  // namespace
}  // namespace varmor

varmor_status varmor_simulator_load(const varmor_policy* policy, varmor_simulator** simulator) {
  if (simulator == nullptr) return VARMOR_INVALID_CALL;
  *simulator = nullptr;
  if (policy == nullptr || policy->has_errors) return VARMOR_INVALID_CALL;
  return varmor::Guarded([&] {
    const auto pointer = [](const auto& artifact) {
      return artifact.has_value() ? &*artifact : nullptr;
    };
    const varmor::ArtifactSet artifacts{pointer(policy->compiled.app_armor),
                                        pointer(policy->compiled.bpf),
                                        pointer(policy->compiled.seccomp)};
    absl::StatusOr<varmor::Simulator> loaded = varmor::Simulator::Load(artifacts, {});
    // The compiler made the artifacts, so it is not the caller's mistake.
    if (!loaded.ok()) return VARMOR_INTERNAL_FAULT;
    *simulator = new varmor_simulator{*std::move(loaded)};
    return VARMOR_OK;
  });
}

void varmor_simulator_free(varmor_simulator* simulator) { delete simulator; }

varmor_status varmor_decide(const varmor_simulator* simulator, const char* event,
                            varmor_decision** decision) {
  if (decision == nullptr) return VARMOR_INVALID_CALL;
  *decision = nullptr;
  if (simulator == nullptr || event == nullptr) return VARMOR_INVALID_CALL;
  return varmor::Guarded([&] {
    auto made = std::make_unique<varmor_decision>();
    const varmor_status status = varmor::Decide(simulator->simulator, event, *made);
    *decision = made.release();
    return status;
  });
}

void varmor_decision_free(varmor_decision* decision) { delete decision; }

const char* varmor_decision_problem(const varmor_decision* decision) {
  return decision == nullptr ? "" : decision->problem.c_str();
}

const varmor_verdict* varmor_decision_combined(const varmor_decision* decision) {
  return decision == nullptr ? nullptr : &decision->combined;
}

size_t varmor_decision_verdict_count(const varmor_decision* decision) {
  return decision == nullptr ? 0 : decision->verdicts.size();
}

const varmor_verdict* varmor_decision_verdict(const varmor_decision* decision, size_t index) {
  return decision == nullptr ? nullptr : varmor::At(decision->verdicts, index);
}

const char* varmor_verdict_enforcer(const varmor_verdict* verdict) {
  return verdict == nullptr ? "" : verdict->enforcer.c_str();
}

varmor_outcome varmor_verdict_outcome(const varmor_verdict* verdict) {
  if (verdict == nullptr) return VARMOR_UNKNOWN;
  switch (verdict->verdict.outcome) {
    case varmor::Verdict::Outcome::kAllow:
      return VARMOR_ALLOW;
    case varmor::Verdict::Outcome::kDeny:
      return VARMOR_DENY;
    case varmor::Verdict::Outcome::kUnknown:
      return VARMOR_UNKNOWN;
    case varmor::Verdict::Outcome::kNotMediated:
      return VARMOR_NOT_MEDIATED;
  }
  return VARMOR_UNKNOWN;
}

int varmor_verdict_reported(const varmor_verdict* verdict) {
  return verdict != nullptr && verdict->verdict.reported ? 1 : 0;
}

int varmor_verdict_would_deny(const varmor_verdict* verdict) {
  return verdict != nullptr && verdict->verdict.would_deny ? 1 : 0;
}

const char* varmor_verdict_word(const varmor_verdict* verdict) {
  return verdict == nullptr ? "" : verdict->word.c_str();
}

const char* varmor_verdict_effect(const varmor_verdict* verdict) {
  return verdict == nullptr ? "" : verdict->verdict.effect.c_str();
}

const char* varmor_verdict_reason(const varmor_verdict* verdict) {
  return verdict == nullptr ? "" : verdict->verdict.reason.c_str();
}

size_t varmor_verdict_rule_count(const varmor_verdict* verdict) {
  return verdict == nullptr ? 0 : verdict->verdict.rules.size();
}

const char* varmor_verdict_rule(const varmor_verdict* verdict, size_t index) {
  const varmor::RuleOrigin* origin = varmor::OriginAt(verdict, index);
  return origin == nullptr ? "" : origin->rule().c_str();
}

const char* varmor_verdict_rule_field(const varmor_verdict* verdict, size_t index) {
  const varmor::RuleOrigin* origin = varmor::OriginAt(verdict, index);
  return origin == nullptr ? "" : origin->field().c_str();
}

const char* varmor_verdict_rule_text(const varmor_verdict* verdict, size_t index) {
  const varmor::RuleOrigin* origin = varmor::OriginAt(verdict, index);
  return origin == nullptr ? "" : origin->text().c_str();
}
