// Every mode with every set of enforcers, every combination of switches, and every built-in rule
// with every enforcer: what must come out, and what must not.

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/catalogue/testing/rule_examples.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {
namespace {

CompileResult CompileText(const std::string& text, const CompileOptions& options = {}) {
  LoadOptions load_options;
  load_options.lenient = options.lenient;
  const LoadResult loaded = LoadPolicies({{"policy.yaml", text}}, load_options);
  for (const Diagnostic& d : loaded.diagnostics.list()) ADD_FAILURE() << FormatDiagnostic(d);
  if (loaded.policies.size() != 1) {
    ADD_FAILURE() << "want one policy, got " << loaded.policies.size();
    return CompileResult();
  }
  absl::StatusOr<CompileResult> result = Compile(loaded.policies[0], options, BuiltinCatalogue());
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : CompileResult();
}

std::string PolicyText(const std::string& enforcer, const std::string& mode,
                       const std::string& section) {
  return absl::StrCat("apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\n",
                      "metadata: {name: p, namespace: ns}\nspec:\n  target: {kind: Pod, name: t}\n",
                      "  policy:\n    enforcer: ", enforcer, "\n    mode: ", mode, "\n", section);
}

std::string Errors(const CompileResult& result) {
  std::string out;
  for (const Diagnostic& d : result.diagnostics.list()) {
    if (d.severity == Diagnostic::Severity::kError) out += FormatDiagnostic(d);
  }
  return out;
}

const std::vector<std::string>& EnforcerSets() {
  static const auto* const sets = new std::vector<std::string>{
      "AppArmor",    "BPF",        "Seccomp",         "AppArmorBPF",
      "BPFAppArmor", "SeccompBPF", "apparmorseccomp", "AppArmorBPFSeccomp"};
  return *sets;
}

void ExpectArtifactsOf(const std::string& enforcers, const CompileResult& result) {
  EXPECT_EQ(result.app_armor.has_value(),
            absl::StrContains(absl::AsciiStrToLower(enforcers), "apparmor"));
  EXPECT_EQ(result.bpf.has_value(), absl::StrContains(absl::AsciiStrToLower(enforcers), "bpf"));
  EXPECT_EQ(result.seccomp.has_value(),
            absl::StrContains(absl::AsciiStrToLower(enforcers), "seccomp"));
}

struct ModeCase {
  const char* mode;
  const char* section;
  const char* profile_mode;
};

constexpr ModeCase kModes[] = {
    {"AlwaysAllow", "", "enforce"},
    {"RuntimeDefault", "", "enforce"},
    {"EnhanceProtect", "    enhanceProtect: {}\n", "enforce"},
    {"BehaviorModeling", "    modelingOptions: {duration: 1}\n", "complain"},
};

TEST(CompileMatrixTest, EveryModeCompilesForEverySetOfEnforcers) {
  for (const ModeCase& mode : kModes) {
    for (const std::string& enforcers : EnforcerSets()) {
      SCOPED_TRACE(absl::StrCat(mode.mode, " ", enforcers));
      const CompileResult result = CompileText(PolicyText(enforcers, mode.mode, mode.section));
      EXPECT_EQ(Errors(result), "");
      EXPECT_EQ(result.mode, mode.profile_mode);
      EXPECT_EQ(result.profile_name, "varmor-ns-p");
      ExpectArtifactsOf(enforcers, result);
    }
  }
}

TEST(CompileMatrixTest, FinishedModellingEnforcesWhatAlwaysAllowDoes) {
  CompileOptions options;
  options.modeling_finished = true;
  const CompileResult finished =
      CompileText(PolicyText("AppArmorBPFSeccomp", "BehaviorModeling", kModes[3].section), options);
  const CompileResult always = CompileText(PolicyText("AppArmorBPFSeccomp", "AlwaysAllow", ""));
  EXPECT_EQ(finished.mode, "enforce");
  ASSERT_TRUE(finished.bpf.has_value() && always.bpf.has_value());
  EXPECT_EQ(finished.bpf->digest(), always.bpf->digest());
  EXPECT_EQ(finished.seccomp->json(), always.seccomp->json());
  EXPECT_EQ(finished.app_armor->SerializeAsString(), always.app_armor->SerializeAsString());
}

TEST(CompileMatrixTest, EveryCombinationOfSwitchesCompiles) {
  for (const std::string& enforcers : EnforcerSets()) {
    for (int bits = 0; bits < 8; ++bits) {
      const auto word = [&](int bit) { return (bits >> bit & 1) != 0 ? "true" : "false"; };
      const std::string section = absl::StrCat(
          "    enhanceProtect: {privileged: ", word(0), ", auditViolations: ", word(1),
          ", allowViolations: ", word(2), ", hardeningRules: [disable-cap-net-raw]}\n");
      SCOPED_TRACE(absl::StrCat(enforcers, section));
      CompileOptions options;
      options.lenient = true;  // seccomp alone cannot carry the rule out
      const CompileResult result =
          CompileText(PolicyText(enforcers, "EnhanceProtect", section), options);
      EXPECT_EQ(Errors(result), "");
      ExpectArtifactsOf(enforcers, result);
    }
  }
}

std::string SectionFor(const BuiltinRule& rule, const std::string& name, bool privileged) {
  return absl::StrCat("    enhanceProtect:\n      privileged: ", privileged ? "true" : "false",
                      "\n      ", RuleList(rule, name), "\n");
}

TEST(CompileMatrixTest, EveryBuiltinRuleAndAliasCompilesWithEveryEnforcerThatItClaims) {
  ClusterFacts cluster;  // empty: service rules find nothing, which is a warning
  CompileOptions options;
  options.cluster = &cluster;
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    std::vector<std::string> names = {rule.id()};
    names.insert(names.end(), rule.aliases().begin(), rule.aliases().end());
    const struct {
      const char* enforcer;
      bool claims;
    } claims[] = {{"AppArmor", rule.app_armor().not_enforceable().empty()},
                  {"BPF", rule.bpf().not_enforceable().empty()},
                  {"Seccomp", rule.seccomp().not_enforceable().empty()}};
    for (const std::string& name : names) {
      for (const auto& claim : claims) {
        for (const bool privileged : {false, true}) {
          SCOPED_TRACE(absl::StrCat(name, " ", claim.enforcer, privileged ? " privileged" : ""));
          const CompileResult result = CompileText(
              PolicyText(claim.enforcer, "EnhanceProtect", SectionFor(rule, name, privileged)),
              options);
          if (claim.claims) {
            EXPECT_EQ(Errors(result), "");
            ExpectArtifactsOf(claim.enforcer, result);
          } else {
            EXPECT_TRUE(absl::StrContains(Errors(result), "[rule-not-enforced]")) << Errors(result);
          }
        }
      }
    }
  }
}

// A rule that an enforcer claims changes that enforcer's artifact: it does something.
TEST(CompileMatrixTest, EveryClaimedRuleChangesTheArtifact) {
  ClusterFacts cluster;
  for (const char* name : {"kubernetes", "ingress-nginx-controller-admission"}) {
    for (const char* name_space : {"default", "ingress-nginx", "kube-system"}) {
      ServiceFact& service = *cluster.add_services();
      service.set_namespace_(name_space);
      service.set_name(name);
      service.add_cluster_ips("10.96.0.1");
    }
  }
  CompileOptions options;
  options.cluster = &cluster;
  const std::string nothing = "    enhanceProtect: {privileged: true}\n";
  const CompileResult base =
      CompileText(PolicyText("AppArmorBPFSeccomp", "EnhanceProtect", nothing), options);
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    SCOPED_TRACE(rule.id());
    const CompileResult result = CompileText(
        PolicyText("AppArmorBPFSeccomp", "EnhanceProtect", SectionFor(rule, rule.id(), true)),
        options);
    EXPECT_EQ(Errors(result), "");
    if (!result.bpf.has_value()) continue;
    EXPECT_EQ(rule.bpf().not_enforceable().empty(), result.bpf->digest() != base.bpf->digest());
    EXPECT_EQ(rule.seccomp().not_enforceable().empty(),
              result.seccomp->json() != base.seccomp->json());
    EXPECT_EQ(rule.app_armor().not_enforceable().empty(),
              result.app_armor->SerializeAsString() != base.app_armor->SerializeAsString());
  }
}

}  // namespace
}  // namespace varmor
