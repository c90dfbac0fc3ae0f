#include "lib/compiler/policy_test/scaffold.h"

#include <algorithm>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/convert/emit_yaml.h"
#include "lib/compiler/convert/message_document.h"
#include "lib/compiler/policy_test/example_events.h"
#include "lib/compiler/policy_test/rule_coverage.h"
#include "lib/compiler/policy_test/run_policy_tests.h"
#include "lib/compiler/simulate/event_text.h"
#include "lib/compiler/status/status_macros.h"
#include "proto/policy_test.pb.h"

namespace varmor {
namespace {

class Scaffolder {
 public:
  Scaffolder(const ArtifactSet& artifacts, const Simulator& simulator, const Catalogue& catalogue)
      : artifacts_(artifacts), simulator_(simulator), catalogue_(catalogue), coverage_(artifacts) {}

  absl::Status AddBuiltinRules();
  // Rules that no test has shown yet.
  absl::Status AddOtherRules();

  PolicyTestFile& file() { return file_; }
  std::vector<std::string> WithoutTest() const;

 private:
  absl::Status AddExample(const BuiltinRule& rule, Event event, bool denies);
  absl::Status AddRuleOf(const CoveredRule& rule);
  // Appends a test that expects what the simulator says. `rule` is named when it is responsible.
  // Nothing when the answer is unknown.
  absl::Status Add(const std::string& name, const Event& event, const std::string& enforcer,
                   const std::string& rule);
  std::vector<RuleOrigin> Origins(absl::string_view enforcer) const;

  const ArtifactSet& artifacts_;
  const Simulator& simulator_;
  const Catalogue& catalogue_;
  RuleCoverage coverage_;
  PolicyTestFile file_;
  std::set<std::string> names_;
};

absl::Status Scaffolder::Add(const std::string& name, const Event& event,
                             const std::string& enforcer, const std::string& rule) {
  PolicyTestCase test;
  test.name = name;
  test.event = event;
  test.event_text = EventText(event);
  test.enforcer = enforcer;
  // Run once to learn the verdict, and again to see whether the rule may be named.
  VARMOR_ASSIGN_OR_RETURN(PolicyTestResult result, RunPolicyTest(test, artifacts_, simulator_));
  if (result.got == "unknown") return absl::OkStatus();  // no test can expect that
  test.expect = result.got == "not mediated" ? "allow" : result.got;
  VARMOR_ASSIGN_OR_RETURN(result, RunPolicyTest(test, artifacts_, simulator_));
  if (!result.passed || !names_.insert(name).second) return absl::OkStatus();
  test.rule = rule;
  VARMOR_ASSIGN_OR_RETURN(const PolicyTestResult named,
                          RunPolicyTest(test, artifacts_, simulator_));
  if (!named.passed) test.rule.clear();

  PolicyTest* written = file_.add_tests();
  written->set_name(test.name);
  written->set_event(test.event_text);
  written->set_expect(test.expect);
  written->set_enforcer(test.enforcer);
  written->set_rule(test.rule);
  coverage_.Add(result.verdict);
  return absl::OkStatus();
}

// The catalogue calls enforcers by their names in lower case.
std::string EnforcerName(absl::string_view word) {
  if (word == "apparmor") return "AppArmor";
  return word == "bpf" ? "BPF" : "Seccomp";
}

absl::Status Scaffolder::AddExample(const BuiltinRule& rule, Event event, bool denies) {
  std::vector<std::string> only;
  for (const std::string& word : event.enforcers()) only.push_back(EnforcerName(word));
  event.clear_enforcers();
  const std::string what = denies ? "is what it blocks" : "is none of its business";
  const std::string name = absl::StrCat(rule.id(), ": ", EventText(event), " ", what);
  const std::string responsible = denies ? rule.id() : "";
  if (only.empty()) {
    VARMOR_ASSIGN_OR_RETURN(const CombinedVerdict verdict, simulator_.Decide(event));
    if (verdict.combined.outcome != Verdict::Outcome::kUnknown) {
      return Add(name, event, "", responsible);
    }
    // Those that know it are asked alone.
    for (const EnforcerVerdict& one : verdict.enforcers) {
      const bool tells = one.verdict.outcome == Verdict::Outcome::kAllow ||
                         one.verdict.outcome == Verdict::Outcome::kDeny;
      if (tells) only.push_back(one.enforcer);
    }
  }
  for (const std::string& enforcer : only) {
    if (Origins(enforcer).empty()) continue;
    VARMOR_RETURN_IF_ERROR(
        Add(absl::StrCat(name, " (", enforcer, ")"), event, enforcer, responsible));
  }
  return absl::OkStatus();
}

absl::Status Scaffolder::AddBuiltinRules() {
  std::set<std::string> done;
  const std::vector<CoveredRule> rules = coverage_.rules();
  for (const CoveredRule& used : rules) {
    const BuiltinRule* rule = catalogue_.Find(used.rule);
    if (rule == nullptr || !done.insert(used.rule).second) continue;
    for (const Event& event : rule->denies()) {
      VARMOR_RETURN_IF_ERROR(AddExample(*rule, event, true));
    }
    for (const Event& event : rule->still_allows()) {
      VARMOR_RETURN_IF_ERROR(AddExample(*rule, event, false));
    }
  }
  return absl::OkStatus();
}

std::vector<RuleOrigin> Scaffolder::Origins(absl::string_view enforcer) const {
  const auto list = [](const auto& rules) {
    return std::vector<RuleOrigin>(rules.begin(), rules.end());
  };
  if (enforcer == "AppArmor" && artifacts_.app_armor != nullptr) {
    return list(artifacts_.app_armor->rules());
  }
  if (enforcer == "BPF" && artifacts_.bpf != nullptr) return list(artifacts_.bpf->rules());
  if (enforcer == "Seccomp" && artifacts_.seccomp != nullptr) {
    return list(artifacts_.seccomp->rules());
  }
  return {};
}

bool Responsible(const CombinedVerdict& verdict, const CoveredRule& rule) {
  for (const EnforcerVerdict& one : verdict.enforcers) {
    if (one.enforcer != rule.enforcer) continue;
    for (const ResponsibleRule& responsible : one.verdict.rules) {
      if (responsible.origin.field() == rule.field && responsible.origin.rule() == rule.rule) {
        return true;
      }
    }
  }
  return false;
}

absl::Status Scaffolder::AddRuleOf(const CoveredRule& rule) {
  for (const RuleOrigin& origin : Origins(rule.enforcer)) {
    if (origin.field() != rule.field || origin.rule() != rule.rule) continue;
    for (const Event& event : ExampleEvents(origin)) {
      const absl::StatusOr<CombinedVerdict> verdict = simulator_.Decide(event);
      if (absl::IsInvalidArgument(verdict.status())) continue;
      VARMOR_RETURN_IF_ERROR(verdict.status());
      if (!Responsible(*verdict, rule)) continue;
      return Add(absl::StrCat(rule.field, ": ", EventText(event), " (", rule.enforcer, ")"), event,
                 rule.enforcer, catalogue_.Find(rule.rule) != nullptr ? rule.rule : rule.field);
    }
  }
  return absl::OkStatus();
}

absl::Status Scaffolder::AddOtherRules() {
  for (size_t i = 0; i < coverage_.rules().size(); ++i) {
    const CoveredRule rule = coverage_.rules()[i];
    if (!rule.covered) VARMOR_RETURN_IF_ERROR(AddRuleOf(rule));
  }
  return absl::OkStatus();
}

std::vector<std::string> Scaffolder::WithoutTest() const {
  std::vector<std::string> without;
  for (const CoveredRule& rule : coverage_.rules()) {
    if (rule.covered) continue;
    without.push_back(absl::StrCat(rule.enforcer, ": ", rule.rule, " (", rule.field, ")"));
  }
  return without;
}

}  // namespace

absl::StatusOr<Scaffold> ScaffoldPolicyTests(const ScaffoldRequest& request,
                                             const ArtifactSet& artifacts,
                                             const Simulator& simulator,
                                             const Catalogue& catalogue) {
  Scaffolder scaffolder(artifacts, simulator, catalogue);
  PolicyTestFile& file = scaffolder.file();
  file.set_kind("PolicyTest");
  file.set_policy(request.policy);
  file.set_policy_name(request.policy_name);
  VARMOR_RETURN_IF_ERROR(scaffolder.AddBuiltinRules());
  VARMOR_RETURN_IF_ERROR(scaffolder.AddOtherRules());
  Scaffold scaffold;
  scaffold.tests = file.tests_size();
  scaffold.without_test = scaffolder.WithoutTest();
  scaffold.text = EmitYaml(*MessageToDocument(file, nullptr));
  return scaffold;
}

}  // namespace varmor
