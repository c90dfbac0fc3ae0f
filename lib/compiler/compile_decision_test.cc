// What compiled policies mean, for weaknesses of vArmor that only show in what an artifact decides.
// Named after them.

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"
#include "lib/compiler/simulate/decide_bpf.h"

namespace varmor {
namespace {

CompileResult CompileRules(const std::string& enforcer, const std::string& rules) {
  const LoadResult loaded = LoadPolicies(
      {{"policy.yaml",
        absl::StrCat("apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\n",
                     "metadata: {name: p, namespace: ns}\nspec:\n",
                     "  target: {kind: Pod, name: t}\n  policy:\n    enforcer: ", enforcer,
                     "\n    mode: EnhanceProtect\n    enhanceProtect:\n", rules)}},
      LoadOptions());
  EXPECT_EQ(loaded.policies.size(), 1);
  absl::StatusOr<CompileResult> result =
      Compile(loaded.policies.at(0), CompileOptions(), BuiltinCatalogue());
  EXPECT_TRUE(result.ok()) << result.status();
  for (const Diagnostic& d : result->diagnostics.list()) {
    EXPECT_NE(d.severity, Diagnostic::Severity::kError) << FormatDiagnostic(d);
  }
  return *std::move(result);
}

BpfVerdict Decide(const CompileResult& result, const std::string& path, uint32_t access) {
  const absl::StatusOr<BpfSimulator> simulator = BpfSimulator::Load(*result.bpf);
  EXPECT_TRUE(simulator.ok()) << simulator.status();
  return simulator->DecideFile(path, access, /*disk_device=*/false);
}

TEST(CompileDecisionTest, W36_ModesGivenAtCreationCount) {
  const CompileResult result =
      CompileRules("Seccomp", "      attackProtectionRules: [{rules: [disable-chmod-x-bit]}]\n");
  for (const char* call : {"open", "openat", "creat", "mknod", "mknodat", "chmod", "fchmod",
                           "fchmodat", "fchmodat2"}) {
    EXPECT_TRUE(absl::StrContains(result.seccomp->json(), absl::StrCat("\"", call, "\""))) << call;
  }
  // Directories need their x bits.
  EXPECT_FALSE(absl::StrContains(result.seccomp->json(), "\"mkdir\""));
}

TEST(CompileDecisionTest, W44_ProjectedTokensOfCloudsCount) {
  const CompileResult result =
      CompileRules("BPF", "      attackProtectionRules: [{rules: [mitigate-sa-leak]}]\n");
  for (const char* path : {"/run/secrets/kubernetes.io/serviceaccount/token",
                           "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
                           "/var/run/secrets/azure/tokens/azure-identity-token"}) {
    EXPECT_TRUE(Decide(result, path, VARMOR_ACCESS_READ).deny) << path;
  }
  EXPECT_FALSE(Decide(result, "/run/secrets/app/password", VARMOR_ACCESS_READ).deny);
}

TEST(CompileDecisionTest, W24_ARawRuleThatAuditsLeavesTheDefaultDenial) {
  const CompileResult result = CompileRules(
      "BPF", "      bpfRawRules: {ptrace: {qualifiers: [audit], permissions: [trace]}}\n");
  const absl::StatusOr<BpfSimulator> simulator = BpfSimulator::Load(*result.bpf);
  ASSERT_TRUE(simulator.ok());
  const BpfVerdict verdict = simulator->DecidePtrace(VARMOR_PTRACE_TRACE, /*same_container=*/false);
  EXPECT_TRUE(verdict.deny);
  EXPECT_TRUE(verdict.audit);
}

// The generation of a policy decides what absent qualifiers mean; present and empty is a mistake.
TEST(CompileDecisionTest, W07_AbsentQualifiersFollowTheSwitches) {
  for (const bool audit : {false, true}) {
    const CompileResult result = CompileRules(
        "BPF", absl::StrCat("      auditViolations: ", audit ? "true" : "false",
                            "\n      bpfRawRules:\n        files:\n",
                            "        - {pattern: /srv/secret, permissions: [read]}\n"));
    const BpfVerdict verdict = Decide(result, "/srv/secret", VARMOR_ACCESS_READ);
    EXPECT_TRUE(verdict.deny);
    EXPECT_EQ(verdict.audit, audit);
    EXPECT_FALSE(Decide(result, "/srv/secret.bak", VARMOR_ACCESS_READ).deny);  // W-20
  }
}

}  // namespace
}  // namespace varmor
