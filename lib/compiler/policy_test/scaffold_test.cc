#include "lib/compiler/policy_test/scaffold.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "lib/compiler/policy_test/example_events.h"
#include "lib/compiler/policy_test/policy_for_test.h"
#include "lib/compiler/policy_test/policy_tests.h"
#include "lib/compiler/policy_test/rule_coverage.h"
#include "lib/compiler/policy_test/run_policy_tests.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

Scaffold ScaffoldFor(const PolicyForTest& policy) {
  absl::StatusOr<Scaffold> scaffold = ScaffoldPolicyTests({"p.yaml", ""}, policy.artifacts(),
                                                          *policy.simulator, BuiltinCatalogue());
  EXPECT_TRUE(scaffold.ok()) << scaffold.status();
  return *std::move(scaffold);
}

// Reads the scaffold back and runs it.
void ExpectAllPass(const PolicyForTest& policy, const Scaffold& scaffold) {
  Diagnostics diagnostics;
  const std::vector<PolicyTestSuite> suites =
      ReadPolicyTests({"t.yaml", scaffold.text}, diagnostics);
  for (const Diagnostic& d : diagnostics.list()) ADD_FAILURE() << FormatDiagnostic(d);
  ASSERT_EQ(suites.size(), 1u);
  EXPECT_EQ(suites[0].policy, "p.yaml");
  EXPECT_EQ(suites[0].tests.size(), static_cast<size_t>(scaffold.tests));
  RuleCoverage coverage(policy.artifacts());
  for (const PolicyTestCase& test : suites[0].tests) {
    const absl::StatusOr<PolicyTestResult> result =
        RunPolicyTest(test, policy.artifacts(), *policy.simulator);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(result->passed) << test.name << ": " << result->problem;
    coverage.Add(result->verdict);
  }
  EXPECT_EQ(coverage.rules().size() - coverage.covered(), scaffold.without_test.size());
}

TEST(ScaffoldTest, TestsOfEveryBuiltinRulePass) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    SCOPED_TRACE(rule.id());
    const bool bpf = rule.bpf().not_enforceable().empty();
    const bool seccomp = rule.seccomp().not_enforceable().empty();
    if (!bpf && !seccomp) continue;
    // Rules about a cluster's services need its addresses.
    if (bpf && absl::StrContains(rule.bpf().ShortDebugString(), "service")) continue;
    const char* list = rule.category() == BuiltinRule::HARDENING ? "      hardeningRules: ["
                       : rule.category() == BuiltinRule::VULNERABILITY_MITIGATION
                           ? "      vulMitigationRules: ["
                           : "      attackProtectionRules: [{rules: [";
    const char* end = rule.category() == BuiltinRule::ATTACK_PROTECTION ? "]}]\n" : "]\n";
    const PolicyForTest policy =
        CompileForTest(absl::StrCat(bpf ? "BPF" : "", seccomp ? "Seccomp" : ""),
                       absl::StrCat("      privileged: true\n", list, rule.id(), end));
    const Scaffold scaffold = ScaffoldFor(policy);
    EXPECT_GT(scaffold.tests, 1);
    ExpectAllPass(policy, scaffold);
  }
}

TEST(ScaffoldTest, RawRulesGetAnEventOutOfTheirText) {
  const PolicyForTest policy = CompileForTest(
      "BPFSeccomp",
      "      privileged: true\n"
      "      bpfRawRules:\n"
      "        files:\n"
      "        - {qualifiers: [deny], pattern: \"fi*\", permissions: [read]}\n"
      "        - {qualifiers: [audit], pattern: \"/srv/{a,b}/*.key\", permissions: [append]}\n"
      "        processes:\n"
      "        - {qualifiers: [deny], pattern: \"**ping\", permissions: [exec]}\n"
      "        capabilities:\n"
      "        - {qualifiers: [deny], names: [net_raw]}\n"
      "        network:\n"
      "          sockets:\n"
      "          - {qualifiers: [deny], domains: [inet6], types: [raw]}\n"
      "          egress:\n"
      "            toDestinations:\n"
      "            - {qualifiers: [deny], cidr: 10.0.0.0/8, ports: [{port: 80, endPort: 90}]}\n"
      "        ptrace: {qualifiers: [deny], strictMode: true, permissions: [trace]}\n"
      "        mounts:\n"
      "        - {qualifiers: [deny], sourcePattern: \"**\", fstype: proc, flags: [new]}\n"
      "        - {qualifiers: [deny], sourcePattern: /x/**, fstype: none, flags: [rbind]}\n"
      "      syscallRawRules:\n"
      "      - {names: [chmod, fchmod], action: SCMP_ACT_ERRNO,\n"
      "         args: [{index: 1, value: 64, valueTwo: 64, op: SCMP_CMP_MASKED_EQ}]}\n");
  const Scaffold scaffold = ScaffoldFor(policy);
  ExpectAllPass(policy, scaffold);
  EXPECT_EQ(absl::StrJoin(scaffold.without_test, "\n"), "");
}

TEST(ScaffoldTest, WhatAnEnforcerCannotTellIsLeftToTheOthers) {
  // Whether a filter that looks at modes stops some opening of a file depends on the mode.
  const PolicyForTest policy =
      CompileForTest("BPFSeccomp",
                     "      hardeningRules: [disallow-write-core-pattern]\n"
                     "      attackProtectionRules: [{rules: [disable-chmod-x-bit]}]\n");
  const Scaffold scaffold = ScaffoldFor(policy);
  EXPECT_EQ(scaffold.text.find("expect: unknown"), std::string::npos);
  EXPECT_NE(scaffold.text.find("write /tmp/core_pattern"), std::string::npos);
  ExpectAllPass(policy, scaffold);
}

TEST(ExampleEventsTest, PathsAreWhatPatternsMatch) {
  const struct {
    const char* pattern;
    const char* path;
  } cases[] = {
      {"/etc/**", "/etc/x"},
      {"/a*b?", "/axbx"},
      {"/{,var/}run/x", "/var/run/x"},
      {"/{a,b}/c", "/a/c"},
      {"/{a{b,c},d}", "/ab"},
      {"/[abc]", "/a"},
      {"/[^x]", "/y"},
      {"/[^w-z]", "/0"},
      {R"(/a\*)", "/a*"},
      {"@{PROC}/sys/[^k]**", "/proc/sys/xx"},
      {"/{", "/"},
      {"/[", "/["},
      {"", ""},
  };
  for (const auto& c : cases) EXPECT_EQ(ExamplePath(c.pattern, "x"), c.path) << c.pattern;
}

TEST(ExampleEventsTest, RuleTextsOfEveryFormHaveEvents) {
  const struct {
    const char* text;
    const char* first;
  } cases[] = {
      {"/etc/** wl", "write /etc/x"},
      {"child_0: /etc/hosts r", "read /etc/hosts as child_0"},
      {"owner /a r", "read /a own file"},
      {R"("/opt/a b/**" rw)", R"(read "/opt/a b/x")"},
      {"capability net_raw", "capability net_raw"},
      {"network inet dgram", "socket inet dgram"},
      {"signal (send) set=(kill) peer=foo", "signal kill to foo"},
      {"umount", "mount x on /mnt type tmpfs"},
      {"ptrace (trace) peer=x", "ptrace trace of unconfined"},
      {"chmod arg1&0x40==0x40 -> SCMP_ACT_ERRNO", "syscall chmod(0, 0x40)"},
      {"chmod arg1==0x40 -> SCMP_ACT_ERRNO", "syscall chmod(0, 0x40)"},
      {"load a BPF program", "operation LOAD_BPF_PROGRAM"},
      {"dbus", ""},
      {"", ""},
  };
  for (const auto& c : cases) {
    RuleOrigin rule;
    rule.set_text(c.text);
    const std::vector<Event> events = ExampleEvents(rule);
    EXPECT_EQ(events.empty() ? "" : EventText(events[0]), c.first) << c.text;
  }
}

}  // namespace
}  // namespace varmor
