#include "lib/compiler/policy_test/policy_for_test.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/artifacts_of.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {

ArtifactSet PolicyForTest::artifacts() const { return ArtifactsOf(result); }

PolicyForTest CompileForTest(absl::string_view enforcer, absl::string_view rules,
                             absl::string_view more) {
  const LoadResult loaded = LoadPolicies(
      {{"policy.yaml",
        absl::StrCat("apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\n",
                     "metadata: {name: p, namespace: ns}\nspec:\n",
                     "  target: {kind: Pod, name: t}\n  policy:\n    enforcer: ", enforcer,
                     "\n    mode: EnhanceProtect\n", more, "    enhanceProtect:\n", rules)}},
      LoadOptions());
  PolicyForTest policy;
  EXPECT_EQ(loaded.policies.size(), 1u);
  absl::StatusOr<CompileResult> result =
      Compile(loaded.policies.at(0), CompileOptions(), BuiltinCatalogue());
  EXPECT_TRUE(result.ok()) << result.status();
  policy.result = *std::move(result);
  for (const Diagnostic& d : policy.result.diagnostics.list()) {
    EXPECT_NE(d.severity, Diagnostic::Severity::kError) << FormatDiagnostic(d);
  }
  absl::StatusOr<Simulator> simulator = Simulator::Load(policy.artifacts(), {});
  EXPECT_TRUE(simulator.ok()) << simulator.status();
  policy.simulator.emplace(*std::move(simulator));
  return policy;
}

}  // namespace varmor
