#include "lib/enforcers/bpf/testing/test_profiles.h"

#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {

BpfArtifact CompileProfile(const std::string& name, const std::vector<std::string>& rules) {
  std::string text = absl::StrCat(
      "apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\nmetadata: {name: ", name,
      ", namespace: ns}\nspec:\n  target: {kind: Pod, name: t}\n  policy:\n    enforcer: BPF\n"
      "    mode: EnhanceProtect\n    enhanceProtect:\n      privileged: true\n"
      "      bpfRawRules:\n");
  for (const std::string& rule : rules) absl::StrAppend(&text, "        ", rule, "\n");
  const LoadResult loaded = LoadPolicies({{name, text}}, {});
  for (const Diagnostic& d : loaded.diagnostics.list()) std::cerr << FormatDiagnostic(d);
  if (loaded.policies.size() == 1) {
    const absl::StatusOr<CompileResult> result =
        Compile(loaded.policies.front(), {}, BuiltinCatalogue());
    if (result.ok() && result->bpf.has_value()) return *result->bpf;
    if (result.ok()) {
      for (const Diagnostic& d : result->diagnostics.list()) std::cerr << FormatDiagnostic(d);
    }
  }
  std::cerr << "a policy of a test does not compile:\n" << text;
  std::abort();
}

BpfArtifact DenyReading(const std::string& name, const std::vector<std::string>& paths) {
  std::string rules = "files: [";
  for (const std::string& path : paths) {
    absl::StrAppend(&rules, "{qualifiers: [deny, audit], pattern: \"", path,
                    "\", permissions: [read]}, ");
  }
  return CompileProfile(name, {rules + "]"});
}

}  // namespace varmor
