#include "tools/reliability/policies.h"

#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {

BpfArtifact CompileRules(const std::string& name, const std::vector<std::string>& lines) {
  std::string text = absl::StrCat(
      "apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\nmetadata: {name: ", name,
      ", namespace: ns}\nspec:\n  target: {kind: Pod, name: t}\n  policy:\n    enforcer: BPF\n"
      "    mode: EnhanceProtect\n    enhanceProtect:\n      privileged: true\n"
      "      bpfRawRules:\n");
  for (const std::string& line : lines) absl::StrAppend(&text, "        ", line, "\n");
  const LoadResult loaded = LoadPolicies({{name, text}}, {});
  for (const Diagnostic& d : loaded.diagnostics.list()) std::cerr << FormatDiagnostic(d) << "\n";
  for (const LoadedPolicy& policy : loaded.policies) {
    const absl::StatusOr<CompileResult> result = Compile(policy, {}, BuiltinCatalogue());
    if (result.ok() && result->bpf.has_value()) return *result->bpf;
    if (!result.ok()) continue;
    for (const Diagnostic& d : result->diagnostics.list()) std::cerr << FormatDiagnostic(d) << "\n";
  }
  std::cerr << "a policy of the checks does not compile:\n" << text;
  std::abort();
}

BpfArtifact ProberProfile(const std::string& name, char version) {
  const bool a = version == 'A';
  return CompileRules(
      name,
      {"files:", "- {qualifiers: [deny], pattern: /tmp/relia/secret, permissions: [read, write]}",
       "- {qualifiers: [deny], pattern: \"/tmp/relia/kept/**\", permissions: [write]}",
       "- {qualifiers: [deny], pattern: /tmp/relia/denied-program, permissions: [exec]}",
       absl::StrCat("- {qualifiers: [deny], pattern: /tmp/relia/only-", a ? "a" : "b",
                    ", permissions: [read]}"),
       "network:", "  sockets: [{qualifiers: [deny], domains: [inet6]}]",
       "  egress:", "    toDestinations:",
       absl::StrCat("    - {qualifiers: [deny], ip: 127.0.0.1, ports: [{port: 9}, {port: ",
                    a ? 10 : 11, "}]}"),
       "capabilities: [{qualifiers: [deny], names: [sys_chroot]}]",
       "mounts: [{qualifiers: [deny], sourcePattern: \"**\", fstype: tmpfs, flags: [new]}]"});
}

BpfArtifact DenyReading(const std::string& name, const std::vector<std::string>& patterns) {
  std::vector<std::string> lines = {"files:"};
  for (const std::string& pattern : patterns) {
    lines.push_back(absl::StrCat("- {qualifiers: [deny, audit], pattern: \"", pattern,
                                 "\", permissions: [read]}"));
  }
  return CompileRules(name, lines);
}

ArtifactSet Only(const BpfArtifact& artifact) {
  ArtifactSet set;
  set.bpf = &artifact;
  return set;
}

}  // namespace varmor
