// The examples of every built-in rule that claims seccomp, decided by the profile of a policy with
// that rule alone, under all switches; and the same examples in the other modes.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/catalogue/testing/rule_examples.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"
#include "lib/compiler/simulate/decide_seccomp.h"
#include "proto/event.pb.h"

namespace varmor {
namespace {

using Outcome = Verdict::Outcome;

// `policy` are lines of spec.policy.
SeccompArtifact CompileSeccomp(const std::string& policy, bool modeling_finished = false) {
  const LoadResult loaded =
      LoadPolicies({{"policy.yaml", PolicyOfEnforcer("Seccomp", policy)}}, {});
  CompileOptions options;
  options.lenient = true;  // a policy that asks for silence is one
  options.modeling_finished = modeling_finished;
  CompileResult result = Compile(loaded.policies.at(0), options, BuiltinCatalogue()).value();
  for (const Diagnostic& d : result.diagnostics.list()) {
    EXPECT_NE(d.severity, Diagnostic::Severity::kError) << FormatDiagnostic(d);
  }
  return result.seccomp.value();
}

bool Claims(const BuiltinRule& rule) {
  return rule.seccomp().not_enforceable().empty() && rule.seccomp().syscalls_size() > 0;
}

struct Wanted {
  Outcome outcome;
  bool reported;
  bool named;
};

int ExpectDenied(const BuiltinRule& rule, const SeccompSimulator& simulator, const Wanted& wanted) {
  int decided = 0;
  for (const Event& event : rule.denies()) {
    if (!IsExampleFor(event, "seccomp")) continue;
    const absl::StatusOr<Verdict> verdict = simulator.Decide(event);
    EXPECT_TRUE(verdict.ok()) << event.ShortDebugString() << verdict.status();
    if (!verdict.ok() || verdict->outcome == Outcome::kNotMediated) continue;
    ++decided;
    EXPECT_EQ(verdict->outcome, wanted.outcome) << event.ShortDebugString() << verdict->reason;
    EXPECT_EQ(verdict->reported, wanted.reported) << event.ShortDebugString();
    EXPECT_EQ(!verdict->rules.empty(), wanted.named) << event.ShortDebugString();
    for (const ResponsibleRule& responsible : verdict->rules) {
      EXPECT_GE(responsible.index, 0);
      EXPECT_EQ(responsible.origin.rule(), rule.id()) << event.ShortDebugString();
    }
  }
  return decided;
}

void ExpectAllowed(const BuiltinRule& rule, const SeccompSimulator& simulator) {
  for (const Event& event : rule.still_allows()) {
    if (!IsExampleFor(event, "seccomp")) continue;
    const absl::StatusOr<Verdict> verdict = simulator.Decide(event);
    ASSERT_TRUE(verdict.ok()) << event.ShortDebugString() << verdict.status();
    if (verdict->outcome == Outcome::kNotMediated) continue;
    EXPECT_EQ(verdict->outcome, Outcome::kAllow) << event.ShortDebugString() << verdict->reason;
    EXPECT_FALSE(verdict->reported) << event.ShortDebugString();
    EXPECT_TRUE(verdict->rules.empty()) << event.ShortDebugString();
  }
}

void ExpectExamples(const std::string& switches, const Wanted& wanted) {
  int rules = 0;
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    if (!Claims(rule)) continue;
    SCOPED_TRACE(rule.id());
    ++rules;
    const SeccompSimulator simulator =
        SeccompSimulator::Load(CompileSeccomp(EnhanceProtectWith(rule, switches))).value();
    EXPECT_GT(ExpectDenied(rule, simulator, wanted), 0) << "no example that a filter sees";
    ExpectAllowed(rule, simulator);
  }
  EXPECT_GT(rules, 5);
}

TEST(CatalogueSeccompTest, RulesDenyTheirExamplesAndNoNearMiss) {
  ExpectExamples("      privileged: true\n", {Outcome::kDeny, false, true});
}

TEST(CatalogueSeccompTest, RulesOfUnprivilegedPoliciesDenyTheSame) {
  ExpectExamples("", {Outcome::kDeny, false, true});
}

// A filter cannot refuse and log.
TEST(CatalogueSeccompTest, AuditedViolationsAreDeniedWithoutReport) {
  ExpectExamples("      auditViolations: true\n", {Outcome::kDeny, false, true});
}

TEST(CatalogueSeccompTest, AllowedViolationsAreReportedOnly) {
  ExpectExamples("      auditViolations: true\n      allowViolations: true\n",
                 {Outcome::kAllow, true, true});
}

TEST(CatalogueSeccompTest, AllowedViolationsWithoutAuditingAreNothing) {
  ExpectExamples("      allowViolations: true\n", {Outcome::kAllow, false, false});
}

TEST(CatalogueSeccompTest, ModesThatAllowEverythingDenyNoExample) {
  const SeccompArtifact artifacts[] = {
      CompileSeccomp("    mode: AlwaysAllow\n"),
      CompileSeccomp("    mode: RuntimeDefault\n"),
      CompileSeccomp("    mode: BehaviorModeling\n    modelingOptions: {duration: 30}\n", true),
  };
  for (const SeccompArtifact& artifact : artifacts) {
    const SeccompSimulator simulator = SeccompSimulator::Load(artifact).value();
    for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
      if (!Claims(rule)) continue;
      SCOPED_TRACE(rule.id());
      ExpectDenied(rule, simulator, {Outcome::kAllow, false, false});
    }
  }
}

TEST(CatalogueSeccompTest, RunningModellingLogsAllButTheFrequentCalls) {
  const SeccompSimulator simulator =
      SeccompSimulator::Load(
          CompileSeccomp("    mode: BehaviorModeling\n    modelingOptions: {duration: 30}\n"))
          .value();
  Event event;
  event.mutable_syscall()->set_name("unshare");
  EXPECT_TRUE(simulator.Decide(event)->reported);
  EXPECT_EQ(simulator.Decide(event)->outcome, Outcome::kAllow);
  event.mutable_syscall()->set_name("openat");
  EXPECT_FALSE(simulator.Decide(event)->reported);
  EXPECT_EQ(simulator.Decide(event)->rules.at(0).origin.rule(), "model");
}

TEST(CatalogueSeccompTest, DefenseInDepthDeniesWhatTheProfileDoesNotList) {
  const std::string policy = R"(    mode: DefenseInDepth
    defenseInDepth:
      seccomp:
        profileType: Custom
        customProfile: |
          {"defaultAction": "SCMP_ACT_ERRNO",
           "syscalls": [{"names": ["read", "chmod"], "action": "SCMP_ACT_ALLOW"}]}
)";
  const SeccompSimulator simulator = SeccompSimulator::Load(CompileSeccomp(policy)).value();
  Event event;
  event.mutable_syscall()->set_name("chmod");
  EXPECT_EQ(simulator.Decide(event)->outcome, Outcome::kAllow);
  EXPECT_EQ(simulator.Decide(event)->rules.at(0).origin.rule(), "custom");
  event.mutable_syscall()->set_name("unshare");
  EXPECT_EQ(VerdictWord(*simulator.Decide(event)), "deny");
  EXPECT_EQ(simulator.Decide(event)->effect, "EPERM");
  EXPECT_EQ(simulator.Decide(event)->reason,
            "no entry is about it, and the profile denies by default; runc answers ENOSYS, as the "
            "call is newer than all that the profile names");
  event.mutable_syscall()->set_name("open");
  EXPECT_EQ(simulator.Decide(event)->reason,
            "no entry is about it, and the profile denies by default");
  Event mount;
  mount.mutable_mount()->set_target("/mnt");
  EXPECT_EQ(simulator.Decide(mount)->outcome, Outcome::kDeny);
}

}  // namespace
}  // namespace varmor
