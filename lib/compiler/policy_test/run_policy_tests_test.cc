#include "lib/compiler/policy_test/run_policy_tests.h"

#include <string>

#include "gtest/gtest.h"
#include "lib/compiler/policy_test/policy_for_test.h"
#include "lib/compiler/policy_test/rule_coverage.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

constexpr char kRules[] =
    "      hardeningRules: [disallow-create-user-ns, disallow-write-core-pattern]\n"
    "      bpfRawRules:\n"
    "        files:\n"
    "        - {qualifiers: [audit], pattern: /srv/**, permissions: [read]}\n"
    "        - {qualifiers: [audit, deny], pattern: /key, permissions: [read]}\n";

PolicyTestCase Asking(const std::string& event, const std::string& expect,
                      const std::string& rule = "", const std::string& enforcer = "") {
  PolicyTestCase test;
  test.name = "test";
  test.event_text = event;
  Diagnostics diagnostics;
  EXPECT_TRUE(ParseEventText(event, "", test.event, diagnostics)) << event;
  test.expect = expect;
  test.rule = rule;
  test.enforcer = enforcer;
  return test;
}

struct RunCase {
  PolicyTestCase test;
  // "" when the test passes.
  const char* problem;
};

TEST(RunPolicyTestsTest, ComparesVerdictsAndRules) {
  const PolicyForTest policy = CompileForTest("BPFSeccomp", kRules);
  const std::string core = "write /proc/sys/kernel/core_pattern";
  const std::string field = "spec.policy.enhanceProtect.bpfRawRules.files[0]";
  const RunCase cases[] = {
      {Asking(core, "deny"), ""},
      {Asking(core, "deny", "disallow-write-core-pattern"), ""},
      {Asking(core, "deny", "Disallow_Write_Core_Pattern"), ""},
      {Asking(core, "deny", "spec.policy.enhanceProtect.hardeningRules[1]"), ""},
      {Asking(core, "deny", "", "BPF"), ""},
      {Asking(core, "allow", "", "Seccomp"), ""},
      {Asking("write /srv/a", "allow"), ""},
      {Asking("read /srv/a", "audit", field), ""},
      {Asking("read /key", "audit deny"), ""},
      {Asking("read /key", "deny"), ""},
      {Asking("syscall unshare(CLONE_NEWUSER)", "deny", "disallow-create-user-ns"), ""},
      // What no enforcer sees goes through.
      {Asking("signal kill", "allow", "", "BPF"), ""},
      {Asking(core, "allow"), "expected allow, got deny: by disallow-write-core-pattern"},
      {Asking(core, "audit deny"), "expected audit deny, got deny: by disallow-write-core-pattern"},
      {Asking("read /srv/a", "allow"),
       "expected allow, got audit: by spec.policy.enhanceProtect.bpfRawRules.files[0]"},
      {Asking("write /srv/a", "deny", "", "BPF"),
       "expected deny, got allow: no rule is about it, and the profile allows by default"},
      {Asking(core, "deny", "disallow-create-user-ns"),
       "expected rule \"disallow-create-user-ns\" to be responsible, got "
       "disallow-write-core-pattern"},
      {Asking(core, "deny", "disallow-write-core-patern"),
       "expected rule \"disallow-write-core-patern\" to be responsible, got "
       "disallow-write-core-pattern; the policy has no rule of this name; did you mean "
       "\"disallow-write-core-pattern\"?"},
      {Asking("write /srv/a", "allow", "disallow-create-user-ns", "BPF"),
       "expected rule \"disallow-create-user-ns\" to be responsible, got no rule"},
      {Asking(core, "deny", "", "AppArmor"), "the policy has no AppArmor profile"},
  };
  for (const RunCase& c : cases) {
    SCOPED_TRACE(c.test.event_text + " " + c.test.expect + " " + c.test.rule);
    const absl::StatusOr<PolicyTestResult> result =
        RunPolicyTest(c.test, policy.artifacts(), *policy.simulator);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->problem, c.problem);
    EXPECT_EQ(result->passed, std::string(c.problem).empty());
  }
}

TEST(RunPolicyTestsTest, SaysThatAProfileOnlyObserves) {
  const PolicyForTest policy =
      CompileForTest("BPF",
                     "      hardeningRules: [disallow-insmod]\n      allowViolations: true\n"
                     "      auditViolations: true\n");
  const absl::StatusOr<PolicyTestResult> result =
      RunPolicyTest(Asking("capability sys_module", "deny"), policy.artifacts(), *policy.simulator);
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->passed);
  EXPECT_EQ(result->got, "audit");
}

TEST(RuleCoverageTest, CountsEachRuleOncePerEnforcer) {
  const PolicyForTest policy = CompileForTest("BPFSeccomp", kRules);
  RuleCoverage coverage(policy.artifacts());
  ASSERT_EQ(coverage.rules().size(), 5u);
  EXPECT_EQ(coverage.covered(), 0u);
  for (const char* event :
       {"write /proc/sys/kernel/core_pattern", "append /proc/sys/kernel/core_pattern",
        "write /etc/hosts", "syscall clone3"}) {
    const absl::StatusOr<PolicyTestResult> result =
        RunPolicyTest(Asking(event, "allow"), policy.artifacts(), *policy.simulator);
    ASSERT_TRUE(result.ok());
    coverage.Add(result->verdict);
  }
  std::string covered;
  for (const CoveredRule& rule : coverage.rules()) {
    if (rule.covered) covered += rule.enforcer + " " + rule.rule + "\n";
  }
  EXPECT_EQ(covered, "BPF disallow-write-core-pattern\nSeccomp disallow-create-user-ns\n");
}

TEST(RuleCoverageTest, PercentagesAreNeverRoundedUp) {
  EXPECT_EQ(CoveragePercentage(9996, 10000), "99.9");
  EXPECT_EQ(CoveragePercentage(9999, 10000), "99.9");
  EXPECT_EQ(CoveragePercentage(10000, 10000), "100.0");
  EXPECT_EQ(CoveragePercentage(2, 3), "66.6");
  EXPECT_EQ(CoveragePercentage(0, 7), "0.0");
  EXPECT_EQ(CoveragePercentage(0, 0), "100.0");
}

TEST(RuleCoverageTest, ThresholdsAreExact) {
  EXPECT_TRUE(CoverageReaches(2, 3, 66666));
  EXPECT_FALSE(CoverageReaches(2, 3, 66667));
  EXPECT_FALSE(CoverageReaches(9999, 10000, 100000));
  EXPECT_TRUE(CoverageReaches(3, 3, 100000));
  EXPECT_TRUE(CoverageReaches(0, 0, 100000));
}

}  // namespace
}  // namespace varmor
