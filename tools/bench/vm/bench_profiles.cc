// bench_profiles DIR: compiles the policies that hook_bench applies, one file DIR/NAME.pb each.
// They are all called "bench", so that each takes the place of the one before. Runs on the host:
// the guest is slow.
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"
#include "tools/bench/vm/rule_families.h"

namespace varmor {
namespace {

// `privileged`: without what every container is forbidden, so that only the rules are measured.
std::string Head(bool privileged) {
  return absl::StrCat(
      "apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\nmetadata: {name: bench, namespace: ",
      "vm}\nspec:\n  target: {kind: Pod, name: t}\n  policy:\n    enforcer: BPF\n",
      "    mode: EnhanceProtect\n    enhanceProtect:\n      privileged: ",
      privileged ? "true" : "false", "\n");
}

std::string FileRules(const RuleFamily& family, int rules, const char* qualifiers) {
  std::string text = absl::StrCat(Head(true), "      bpfRawRules:\n        files:\n");
  for (int i = 0; i < rules; ++i) {
    absl::StrAppend(&text, "        - {qualifiers: ", qualifiers, ", pattern: \"", family.begin,
                    absl::StrFormat("%04d", i), family.end, "\", permissions: [read, exec]}\n");
  }
  return text;
}

std::string AddressRules(int rules) {
  std::string text = absl::StrCat(
      Head(true),
      "      bpfRawRules:\n        network:\n          egress:\n            toDestinations:\n");
  for (int i = 0; i < rules; ++i) {
    absl::StrAppend(&text, "            - {qualifiers: [deny], ip: 10.1.", i >> 8, ".", i & 255,
                    "}\n");
  }
  return text;
}

std::string CapabilityRules(const char* names) {
  return absl::StrCat(Head(true), "      bpfRawRules:\n        capabilities:\n",
                      "        - {qualifiers: [deny], names: [", names, "]}\n");
}

// Every built-in rule that is about files or programs for the BPF enforcer, and what every
// container is forbidden.
std::string HardeningRules() {
  std::string names[3];
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    if (rule.bpf().rules().files().empty() && rule.bpf().rules().processes().empty()) continue;
    if (!rule.removed_in().empty()) continue;
    std::string& list = names[rule.category() - BuiltinRule::HARDENING];
    absl::StrAppend(&list, list.empty() ? "" : ", ", rule.id());
  }
  return absl::StrCat(Head(false), "      hardeningRules: [", names[0],
                      "]\n      attackProtectionRules:\n      - rules: [", names[1],
                      "]\n      vulMitigationRules: [", names[2], "]\n");
}

void Write(const std::string& directory, const std::string& name, const std::string& text) {
  const LoadResult loaded = LoadPolicies({{name, text}}, LoadOptions());
  for (const Diagnostic& d : loaded.diagnostics.list()) std::cerr << FormatDiagnostic(d);
  if (loaded.policies.size() != 1) std::exit(1);
  const absl::StatusOr<CompileResult> result =
      Compile(loaded.policies.front(), CompileOptions(), BuiltinCatalogue());
  if (!result.ok() || !result->bpf.has_value()) {
    std::cerr << name << ": " << result.status() << "\n";
    if (result.ok()) {
      for (const Diagnostic& d : result->diagnostics.list()) std::cerr << FormatDiagnostic(d);
    }
    std::exit(1);
  }
  std::ofstream out(absl::StrCat(directory, "/", name, ".pb"), std::ios::binary);
  if (!result->bpf->SerializeToOstream(&out) || !out.flush()) std::exit(1);
}

void WriteAll(const std::string& directory) {
  mkdir(directory.c_str(), 0755);
  for (const RuleFamily& family : kRuleFamilies) {
    for (const int rules : kRuleCounts) {
      Write(directory, absl::StrCat(family.name, "-", rules), FileRules(family, rules, "[deny]"));
    }
  }
  Write(directory, "audited-64", FileRules(kRuleFamilies[1], 64, "[deny, audit]"));
  for (const int rules : kRuleCounts)
    Write(directory, absl::StrCat("addresses-", rules), AddressRules(rules));
  Write(directory, "capabilities-1", CapabilityRules("net_raw"));
  Write(directory, "capabilities-all", CapabilityRules("all"));
  Write(directory, "hardening", HardeningRules());
}

}  // namespace
}  // namespace varmor

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: bench_profiles DIR\n";
    return 2;
  }
  varmor::WriteAll(argv[1]);
  return 0;
}
