// varmor.h: deciding.
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "lib/compiler/artifacts_of.h"
#include "lib/compiler/c_api/objects.h"
#include "lib/compiler/c_api/varmor.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

varmor_ruling MakeRuling(std::string enforcer, Verdict verdict) {
  std::string word = VerdictWord(verdict);
  return {std::move(enforcer), std::move(word), std::move(verdict)};
}

varmor_status Decide(const Simulator& simulator, const char* text, varmor_answer& answer) {
  Event event;
  Diagnostics mistakes;
  answer.combined.verdict.outcome = Verdict::Outcome::kUnknown;
  if (!ParseEventText(text, "event", event, mistakes)) {
    for (const Diagnostic& d : mistakes.list()) answer.problem += FormatDiagnostic(d);
    return VARMOR_INVALID_INPUT;
  }
  absl::StatusOr<CombinedVerdict> verdict = simulator.Decide(event);
  if (!verdict.ok()) {
    answer.problem = std::string(verdict.status().message());
    return VARMOR_INVALID_INPUT;
  }
  for (EnforcerVerdict& one : verdict->enforcers) {
    answer.rulings.push_back(MakeRuling(std::move(one.enforcer), std::move(one.verdict)));
  }
  answer.combined = MakeRuling("", std::move(verdict->combined));
  return VARMOR_OK;
}

const RuleOrigin* OriginAt(const varmor_ruling* ruling, size_t index) {
  if (ruling == nullptr) return nullptr;
  const ResponsibleRule* rule = At(ruling->verdict.rules, index);
  return rule == nullptr ? nullptr : &rule->origin;
}

}  // namespace
}  // namespace varmor

varmor_status varmor_simulator_load(const varmor_policy* policy, varmor_simulator** simulator) {
  if (simulator == nullptr) return VARMOR_INVALID_CALL;
  *simulator = nullptr;
  if (policy == nullptr || policy->has_errors) return VARMOR_INVALID_CALL;
  return varmor::Guarded([&] {
    absl::StatusOr<varmor::Simulator> loaded =
        varmor::Simulator::Load(varmor::ArtifactsOf(policy->compiled), {});
    // The compiler made the artifacts, so it is not the caller's mistake.
    if (!loaded.ok()) return VARMOR_INTERNAL_FAULT;
    *simulator = new varmor_simulator{*std::move(loaded)};
    return VARMOR_OK;
  });
}

void varmor_simulator_free(varmor_simulator* simulator) { delete simulator; }

varmor_status varmor_decide(const varmor_simulator* simulator, const char* event,
                            varmor_answer** answer) {
  if (answer == nullptr) return VARMOR_INVALID_CALL;
  *answer = nullptr;
  if (simulator == nullptr || event == nullptr) return VARMOR_INVALID_CALL;
  return varmor::Guarded([&] {
    auto made = std::make_unique<varmor_answer>();
    const varmor_status status = varmor::Decide(simulator->simulator, event, *made);
    *answer = made.release();
    return status;
  });
}

void varmor_answer_free(varmor_answer* answer) { delete answer; }

const char* varmor_answer_problem(const varmor_answer* answer) {
  return answer == nullptr ? "" : answer->problem.c_str();
}

const varmor_ruling* varmor_answer_combined(const varmor_answer* answer) {
  return answer == nullptr ? nullptr : &answer->combined;
}

size_t varmor_answer_ruling_count(const varmor_answer* answer) {
  return answer == nullptr ? 0 : answer->rulings.size();
}

const varmor_ruling* varmor_answer_ruling(const varmor_answer* answer, size_t index) {
  return answer == nullptr ? nullptr : varmor::At(answer->rulings, index);
}

const char* varmor_ruling_enforcer(const varmor_ruling* ruling) {
  return ruling == nullptr ? "" : ruling->enforcer.c_str();
}

varmor_outcome varmor_ruling_outcome(const varmor_ruling* ruling) {
  if (ruling == nullptr) return VARMOR_UNKNOWN;
  switch (ruling->verdict.outcome) {
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

int varmor_ruling_reported(const varmor_ruling* ruling) {
  return ruling != nullptr && ruling->verdict.reported ? 1 : 0;
}

int varmor_ruling_would_deny(const varmor_ruling* ruling) {
  return ruling != nullptr && ruling->verdict.would_deny ? 1 : 0;
}

const char* varmor_ruling_word(const varmor_ruling* ruling) {
  return ruling == nullptr ? "" : ruling->word.c_str();
}

const char* varmor_ruling_effect(const varmor_ruling* ruling) {
  return ruling == nullptr ? "" : ruling->verdict.effect.c_str();
}

const char* varmor_ruling_reason(const varmor_ruling* ruling) {
  return ruling == nullptr ? "" : ruling->verdict.reason.c_str();
}

size_t varmor_ruling_rule_count(const varmor_ruling* ruling) {
  return ruling == nullptr ? 0 : ruling->verdict.rules.size();
}

const char* varmor_ruling_rule(const varmor_ruling* ruling, size_t index) {
  const varmor::RuleOrigin* origin = varmor::OriginAt(ruling, index);
  return origin == nullptr ? "" : origin->rule().c_str();
}

const char* varmor_ruling_rule_field(const varmor_ruling* ruling, size_t index) {
  const varmor::RuleOrigin* origin = varmor::OriginAt(ruling, index);
  return origin == nullptr ? "" : origin->field().c_str();
}

const char* varmor_ruling_rule_text(const varmor_ruling* ruling, size_t index) {
  const varmor::RuleOrigin* origin = varmor::OriginAt(ruling, index);
  return origin == nullptr ? "" : origin->text().c_str();
}
