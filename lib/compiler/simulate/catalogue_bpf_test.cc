// The examples of every built-in rule, decided by the BPF image of a policy with that rule alone:
// what the rule denies is denied by it, and the near misses are not. The same with the policy's
// switches for auditing and allowing.
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
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

// `rule` in the list of its category; `switches` are lines of enhanceProtect.
std::string PolicyText(const BuiltinRule& rule, const std::string& switches) {
  std::string rules;
  switch (rule.category()) {
    case BuiltinRule::ATTACK_PROTECTION:
      rules = absl::StrCat("attackProtectionRules: [{rules: [", rule.id(), "]}]");
      break;
    case BuiltinRule::VULNERABILITY_MITIGATION:
      rules = absl::StrCat("vulMitigationRules: [", rule.id(), "]");
      break;
    default:
      rules = absl::StrCat("hardeningRules: [", rule.id(), "]");
  }
  return absl::StrCat(
      "apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\n"
      "metadata: {name: demo, namespace: shop}\nspec:\n  target: {kind: Deployment, name: web}\n"
      "  policy:\n    enforcer: BPF\n    mode: EnhanceProtect\n    enhanceProtect:\n      ",
      rules, "\n", switches);
}

BpfArtifact CompileBpf(const BuiltinRule& rule, const std::string& switches) {
  const LoadResult loaded = LoadPolicies({{"policy.yaml", PolicyText(rule, switches)}}, {});
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

bool IsForBpf(const Event& event) {
  if (event.has_syscall() || event.has_signal()) return false;
  if (event.enforcers().empty()) return true;
  for (const std::string& name : event.enforcers()) {
    if (name == "bpf") return true;
  }
  return false;
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

}  // namespace
}  // namespace varmor
