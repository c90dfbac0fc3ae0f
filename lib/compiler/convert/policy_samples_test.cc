// Loads and converts other people's policies, when a directory of them is given:
//   bazel test --test_env=VARMOR_POLICY_SAMPLES=DIR //lib/compiler/convert:policy_samples_test
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lib/compiler/convert/convert_policy.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {
namespace {

std::string Rendered(const LoadResult& result) {
  std::string out;
  for (const LoadedPolicy& policy : result.policies) {
    Diagnostics located = policy.diagnostics;
    Locate(policy, located);
    for (const Diagnostic& d : located.list()) out += FormatDiagnostic(d);
  }
  for (const Diagnostic& d : result.diagnostics.list()) out += FormatDiagnostic(d);
  return out;
}

TEST(PolicySamplesTest, LoadAndConvertWithoutErrors) {
  const char* directory = std::getenv("VARMOR_POLICY_SAMPLES");
  if (directory == nullptr) {
    GTEST_SKIP() << "VARMOR_POLICY_SAMPLES names no directory of policies: nothing was tested";
  }
  size_t policies = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const LoadResult result = LoadPolicies({{entry.path().filename(), text}}, LoadOptions());
    EXPECT_FALSE(result.diagnostics.HasErrors()) << Rendered(result);
    for (const LoadedPolicy& policy : result.policies) {
      EXPECT_TRUE(policy.valid) << Rendered(result);
      ++policies;
      std::vector<std::string> remarks;
      const std::string newest = ConvertPolicy(policy, &remarks);
      EXPECT_EQ(Rendered(LoadPolicies({{"converted.yaml", newest}}, LoadOptions())), "") << newest;
    }
  }
  EXPECT_GT(policies, 0u) << "no policies in " << directory;
}

}  // namespace
}  // namespace varmor
