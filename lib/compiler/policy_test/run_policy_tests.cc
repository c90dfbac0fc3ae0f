#include "lib/compiler/policy_test/run_policy_tests.h"

#include <algorithm>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

bool Meets(const std::string& expect, const std::string& got) {
  if (expect == "deny") return got == "deny" || got == "audit deny";
  if (expect == "allow") return got == "allow" || got == "not mediated";
  return expect == got && got != "unknown";
}

bool IsRule(const RuleOrigin& origin, const std::string& rule) {
  return origin.field() == rule || origin.rule() == NormaliseRuleName(rule);
}

// Those that have a say in `verdict`: the test's one, or all that agree with the combined verdict.
std::vector<const EnforcerVerdict*> Deciding(const PolicyTestCase& test,
                                             const CombinedVerdict& verdict) {
  std::vector<const EnforcerVerdict*> deciding;
  for (const EnforcerVerdict& one : verdict.enforcers) {
    const bool asked = test.enforcer.empty() ? one.verdict.outcome == verdict.combined.outcome
                                             : one.enforcer == test.enforcer;
    if (asked) deciding.push_back(&one);
  }
  return deciding;
}

std::string RuleNames(const std::vector<const EnforcerVerdict*>& deciding) {
  std::vector<std::string> names;
  for (const EnforcerVerdict* one : deciding) {
    for (const ResponsibleRule& rule : one->verdict.rules) {
      const RuleOrigin& origin = rule.origin;
      std::string name = origin.rule().empty()    ? origin.text()
                         : origin.rule() == "raw" ? origin.field()
                                                  : origin.rule();
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        names.push_back(std::move(name));
      }
    }
  }
  return absl::StrJoin(names, ", ");
}

// Every name by which a test may call a rule of the policy.
std::vector<std::string> KnownRules(const ArtifactSet& artifacts) {
  std::set<std::string> names;
  const auto add = [&](const auto& rules) {
    for (const RuleOrigin& origin : rules) {
      if (!origin.rule().empty() && origin.rule() != "raw") names.insert(origin.rule());
      if (!origin.field().empty()) names.insert(origin.field());
    }
  };
  if (artifacts.app_armor != nullptr) add(artifacts.app_armor->rules());
  if (artifacts.bpf != nullptr) add(artifacts.bpf->rules());
  if (artifacts.seccomp != nullptr) add(artifacts.seccomp->rules());
  return {names.begin(), names.end()};
}

// "" when the test's rule is responsible.
std::string RuleProblem(const PolicyTestCase& test, const ArtifactSet& artifacts,
                        const std::vector<const EnforcerVerdict*>& deciding) {
  for (const EnforcerVerdict* one : deciding) {
    for (const ResponsibleRule& rule : one->verdict.rules) {
      if (IsRule(rule.origin, test.rule)) return "";
    }
  }
  const std::string names = RuleNames(deciding);
  std::string problem = absl::StrCat("expected rule ", Quoted(test.rule),
                                     " to be responsible, got ", names.empty() ? "no rule" : names);
  const std::vector<std::string> known = KnownRules(artifacts);
  const bool exists = std::any_of(known.begin(), known.end(), [&](const std::string& name) {
    return name == test.rule || name == NormaliseRuleName(test.rule);
  });
  if (exists) return problem;
  const std::string near = NearestWord(test.rule, known);
  absl::StrAppend(&problem, "; the policy has no rule of this name",
                  near.empty() ? "" : absl::StrCat("; did you mean \"", near, "\"?"));
  return problem;
}

std::string VerdictProblem(const PolicyTestCase& test, const std::string& got,
                           const Verdict& verdict,
                           const std::vector<const EnforcerVerdict*>& deciding) {
  std::string why = verdict.reason;
  if (why.empty()) {
    const std::string names = RuleNames(deciding);
    if (!names.empty()) why = absl::StrCat("by ", names);
  }
  if (verdict.would_deny) {
    absl::StrAppend(&why, why.empty() ? "" : "; ", "the profile only observes");
  }
  return absl::StrCat("expected ", test.expect, ", got ", got, why.empty() ? "" : ": ", why);
}

}  // namespace

absl::StatusOr<PolicyTestResult> RunPolicyTest(const PolicyTestCase& test,
                                               const ArtifactSet& artifacts,
                                               const Simulator& simulator) {
  PolicyTestResult result;
  absl::StatusOr<CombinedVerdict> verdict = simulator.Decide(test.event);
  if (absl::IsInvalidArgument(verdict.status())) {
    result.got = "an error";
    result.problem = std::string(verdict.status().message());
    return result;
  }
  VARMOR_RETURN_IF_ERROR(verdict.status());
  result.verdict = *std::move(verdict);

  const std::vector<const EnforcerVerdict*> deciding = Deciding(test, result.verdict);
  if (!test.enforcer.empty() && deciding.empty()) {
    result.got = "nothing";
    result.problem = absl::StrCat("the policy has no ", test.enforcer, " profile");
    return result;
  }
  const Verdict& judged =
      test.enforcer.empty() ? result.verdict.combined : deciding.front()->verdict;
  result.got = VerdictWord(judged);
  if (!Meets(test.expect, result.got)) {
    result.problem = VerdictProblem(test, result.got, judged, deciding);
  } else if (!test.rule.empty()) {
    result.problem = RuleProblem(test, artifacts, deciding);
  }
  result.passed = result.problem.empty();
  return result;
}

}  // namespace varmor
