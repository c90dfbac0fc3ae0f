// libFuzzer: any bytes, as YAML and as JSON, load without a fault, and what loads can be converted.
//   bazel build --config=fuzz //lib/compiler/load:load_policy_fuzzer
//   bazel-bin/lib/compiler/load/load_policy_fuzzer NEW_CORPUS lib/compiler/load/corpus
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "lib/compiler/convert/convert_policy.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

// Places lie inside the text, and every diagnostic says something.
void CheckDiagnostics(const Diagnostics& diagnostics, const std::string& text) {
  const auto lines = static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const Diagnostic& d : diagnostics.list()) {
    Require(!d.code.empty() && !d.problem.empty() && !d.file.empty());
    Require(d.place.line >= 0 && d.place.line <= lines);
    Require(d.place.column >= 0 && d.place.column <= static_cast<int>(text.size()) + 1);
  }
}

void CheckConversion(const LoadedPolicy& policy) {
  std::vector<std::string> remarks;
  const std::string converted = ConvertPolicy(policy, &remarks);
  if (!policy.valid) return;
  const LoadResult again = LoadPolicies({{"converted.yaml", converted}}, LoadOptions());
  Require(again.policies.size() == 1);
  const Diagnostics& diagnostics = again.policies[0].diagnostics;
  Require(again.policies[0].valid && diagnostics.size() == 0);
  Require(ConvertPolicy(again.policies[0], &remarks) == converted);
}

void CheckLoad(const std::string& name, const std::string& text) {
  LoadOptions options;
  // Reached by small inputs.
  options.limits.nodes = 1000;
  options.limits.scalar_bytes = 4096;
  options.limits.document_bytes = 1 << 16;
  const LoadResult result = LoadPolicies({{name, text}}, options);
  CheckDiagnostics(result.diagnostics, text);
  for (const LoadedPolicy& policy : result.policies) {
    Diagnostics located = policy.diagnostics;
    located.Error("inside", "spec.policy.enhanceProtect.appArmorRawRules[0].rules", "x", "",
                  {1, 1});
    Locate(policy, located);
    CheckDiagnostics(located, text);
    CheckConversion(policy);
  }
}

}  // namespace
}  // namespace varmor

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  varmor::CheckLoad("p.yaml", text);
  varmor::CheckLoad("p.json", text);
  varmor::BehaviorModel model;
  varmor::Diagnostics diagnostics;
  varmor::LoadMessage({"m.yaml", text}, varmor::LoadOptions(), &model, diagnostics);
  varmor::CheckDiagnostics(diagnostics, text);
  return 0;
}
