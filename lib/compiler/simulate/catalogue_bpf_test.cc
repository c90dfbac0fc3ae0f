// The examples of every built-in rule, decided by the BPF image of a policy with that rule alone:
// what the rule denies is denied by it, and the near misses are not. The same with the policy's
// switches for auditing and allowing, and what all the examples mean in the other modes.
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/catalogue/testing/rule_examples.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"
#include "lib/compiler/simulate/decide_bpf.h"
#include "proto/event.pb.h"
#include "proto/facts.pb.h"

namespace varmor {
namespace {

ClusterFacts ExampleCluster() {
  std::ifstream in("lib/compiler/catalogue/example_cluster.textproto", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  ClusterFacts cluster;
  EXPECT_FALSE(text.empty());
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &cluster));
  return cluster;
}

// `policy` are lines of spec.policy.
BpfArtifact CompileText(const std::string& policy) {
  const LoadResult loaded = LoadPolicies({{"policy.yaml", PolicyOfEnforcer("BPF", policy)}}, {});
  const ClusterFacts cluster = ExampleCluster();
  CompileOptions options;
  options.lenient = true;  // a policy that asks for silence is one
  options.cluster = &cluster;
  CompileResult result = Compile(loaded.policies.at(0), options, BuiltinCatalogue()).value();
  for (const Diagnostic& d : result.diagnostics.list()) {
    EXPECT_NE(d.severity, Diagnostic::Severity::kError) << FormatDiagnostic(d);
  }
  return result.bpf.value();
}

BpfArtifact CompileBpf(const BuiltinRule& rule, const std::string& switches) {
  return CompileText(EnhanceProtectWith(rule, switches));
}

// A policy of `mode` without built-in rules; `more` are lines of spec.policy.
BpfArtifact CompileMode(const std::string& mode, const std::string& more) {
  return CompileText(absl::StrCat("    mode: ", mode, "\n", more));
}

bool IsForBpf(const Event& event) {
  if (event.has_syscall() || event.has_signal()) return false;
  return IsExampleFor(event, "bpf");
}

bool HasBpfEffects(const BuiltinRule& rule) { return rule.bpf().not_enforceable().empty(); }

struct Wanted {
  bool deny;
  bool audit;
};

// `denied`: of the examples that the rule is there to block. The others get no verdict by it.
void ExpectExamples(const std::string& switches, const Wanted& denied) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    if (!HasBpfEffects(rule)) continue;
    SCOPED_TRACE(rule.id());
    const BpfArtifact artifact = CompileBpf(rule, switches);
    const BpfSimulator image = BpfSimulator::Load(artifact).value();
    for (const Event& event : rule.denies()) {
      if (!IsForBpf(event)) continue;
      const absl::StatusOr<BpfVerdict> verdict = image.Decide(event);
      ASSERT_TRUE(verdict.ok()) << event.ShortDebugString() << verdict.status();
      EXPECT_EQ(verdict->deny, denied.deny) << event.ShortDebugString();
      EXPECT_EQ(verdict->audit, denied.audit) << event.ShortDebugString();
      if (!denied.deny && !denied.audit) continue;
      ASSERT_GE(verdict->rule, 0) << event.ShortDebugString();
      EXPECT_EQ(artifact.rules(verdict->rule).rule(), rule.id()) << event.ShortDebugString();
    }
    for (const Event& event : rule.still_allows()) {
      if (!IsForBpf(event)) continue;
      const absl::StatusOr<BpfVerdict> verdict = image.Decide(event);
      ASSERT_TRUE(verdict.ok()) << event.ShortDebugString() << verdict.status();
      EXPECT_FALSE(verdict->deny) << event.ShortDebugString();
      EXPECT_FALSE(verdict->audit) << event.ShortDebugString();
    }
  }
}

TEST(CatalogueBpfTest, RulesDenyTheirExamplesAndNoNearMiss) {
  ExpectExamples("      privileged: true\n", {true, false});
}

TEST(CatalogueBpfTest, AuditedViolationsAreDeniedAndReported) {
  ExpectExamples("      privileged: true\n      auditViolations: true\n", {true, true});
}

TEST(CatalogueBpfTest, AllowedViolationsAreReportedOnly) {
  ExpectExamples(
      "      privileged: true\n      auditViolations: true\n      allowViolations: true\n",
      {false, true});
}

TEST(CatalogueBpfTest, AllowedViolationsWithoutAuditingAreNothing) {
  ExpectExamples("      privileged: true\n      allowViolations: true\n", {false, false});
}

TEST(CatalogueBpfTest, RulesOfUnprivilegedPoliciesDenyTheSame) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    if (!HasBpfEffects(rule)) continue;
    SCOPED_TRACE(rule.id());
    const BpfSimulator image = BpfSimulator::Load(CompileBpf(rule, "")).value();
    for (const Event& event : rule.denies()) {
      if (!IsForBpf(event)) continue;
      EXPECT_TRUE(image.Decide(event)->deny) << event.ShortDebugString();
    }
  }
}

// Rules about what BPF sees have an example that is decided above.
TEST(CatalogueBpfTest, EveryRuleWithEffectsHasAnExampleThatBpfSees) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    if (!HasBpfEffects(rule)) continue;
    int denied = 0;
    for (const Event& event : rule.denies()) denied += IsForBpf(event) ? 1 : 0;
    EXPECT_GT(denied, 0) << rule.id();
  }
}

// All examples of the catalogue that BPF sees.
std::vector<Event> Examples() {
  std::vector<Event> events;
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    for (const auto* list : {&rule.denies(), &rule.still_allows()}) {
      for (const Event& event : *list) {
        if (IsForBpf(event)) events.push_back(event);
      }
    }
  }
  return events;
}

TEST(CatalogueBpfTest, AlwaysAllowAllowsEveryExample) {
  const BpfSimulator image = BpfSimulator::Load(CompileMode("AlwaysAllow", "")).value();
  for (const Event& event : Examples()) {
    const BpfVerdict verdict = image.Decide(event).value();
    EXPECT_FALSE(verdict.would_deny || verdict.audit) << event.ShortDebugString();
  }
}

TEST(CatalogueBpfTest, ModellingBlocksNoExample) {
  const BpfSimulator image =
      BpfSimulator::Load(CompileMode("BehaviorModeling", "    modelingOptions: {duration: 30}\n"))
          .value();
  for (const Event& event : Examples()) {
    EXPECT_FALSE(image.Decide(event)->deny) << event.ShortDebugString();
  }
}

// What the container runtime's default profile forbids is forbidden with every built-in rule, too;
// and a near miss of a rule fares as it does without the rule.
TEST(CatalogueBpfTest, RulesAddToTheRuntimesDefault) {
  const BpfSimulator runtime = BpfSimulator::Load(CompileMode("RuntimeDefault", "")).value();
  int denied = 0;
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    if (!HasBpfEffects(rule)) continue;
    SCOPED_TRACE(rule.id());
    const BpfSimulator image = BpfSimulator::Load(CompileBpf(rule, "")).value();
    for (const Event& event : Examples()) {
      if (!runtime.Decide(event)->deny) continue;
      ++denied;
      EXPECT_TRUE(image.Decide(event)->deny) << event.ShortDebugString();
    }
    for (const Event& event : rule.still_allows()) {
      if (!IsForBpf(event)) continue;
      EXPECT_EQ(image.Decide(event)->deny, runtime.Decide(event)->deny) << event.ShortDebugString();
    }
  }
  EXPECT_GT(denied, 0);
}

// Whether what no rule mentions is denied for events of this kind (bpf_image.md).
bool HasDefault(const Event& event) {
  return !event.has_operation() && !(event.has_ptrace() && event.ptrace().same_container());
}

TEST(CatalogueBpfTest, DefenseInDepthDeniesAndReportsWhatIsNotListed) {
  const std::string list =
      "    defenseInDepth:\n      bpf:\n        profileType: Custom\n        bpfRawRules:\n"
      "          processes: [{pattern: /not/there, permissions: [exec]}]\n";
  const BpfSimulator image = BpfSimulator::Load(CompileMode("DefenseInDepth", list)).value();
  const BpfSimulator observing =
      BpfSimulator::Load(CompileMode("DefenseInDepth", list + "      allowViolations: true\n"))
          .value();
  for (const Event& event : Examples()) {
    const BpfVerdict verdict = image.Decide(event).value();
    EXPECT_EQ(verdict.deny, HasDefault(event)) << event.ShortDebugString();
    EXPECT_EQ(verdict.audit, HasDefault(event)) << event.ShortDebugString();
    EXPECT_EQ(verdict.rule, -1);
    const BpfVerdict observed = observing.Decide(event).value();
    EXPECT_FALSE(observed.deny);
    EXPECT_EQ(observed.would_deny, verdict.would_deny);
    EXPECT_EQ(observed.audit, verdict.audit);
  }
}

TEST(CatalogueBpfTest, DefenseInDepthAllowsWhatIsListed) {
  const BpfSimulator image = BpfSimulator::Load(CompileMode("DefenseInDepth", R"(    defenseInDepth:
      bpf:
        profileType: Custom
        bpfRawRules:
          files: [{pattern: "**", permissions: [all]}]
          processes: [{pattern: "**", permissions: [exec]}]
          network:
            sockets: [{domains: [all]}]
            egress: {toDestinations: [{cidr: 0.0.0.0/0}, {cidr: "::/0"}]}
          ptrace: {permissions: [all], strictMode: true}
          mounts: [{sourcePattern: "**", fstype: "*", flags: [all]}]
          capabilities: [{names: [all]}]
)"))
                                 .value();
  for (const Event& event : Examples()) {
    const BpfVerdict verdict = image.Decide(event).value();
    EXPECT_FALSE(verdict.would_deny || verdict.audit) << event.ShortDebugString();
    EXPECT_EQ(verdict.rule >= 0, !event.has_operation()) << event.ShortDebugString();
  }
}

}  // namespace
}  // namespace varmor
