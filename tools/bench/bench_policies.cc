#include "tools/bench/bench_policies.h"

#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {
namespace {

std::string Head(const std::string& name, const std::string& enforcer) {
  return absl::StrCat(
      "apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\nmetadata: {name: ", name,
      ", namespace: bench}\nspec:\n  target: {kind: Deployment, name: web}\n",
      "  policy:\n    enforcer: ", enforcer, "\n    mode: EnhanceProtect\n    enhanceProtect:\n");
}

std::string BuiltInPolicy(const std::string& name, const std::string& enforcer,
                          const std::string& last_hardening) {
  return absl::StrCat(
      Head(name, enforcer), "      hardeningRules: [disable-cap-privileged, disallow-umount, ",
      last_hardening, "]\n      attackProtectionRules:\n      - rules: [mitigate-sa-leak, ",
      "mitigate-disk-device-number-leak, mitigate-overlayfs-leak, mitigate-host-ip-leak, ",
      "disable-write-etc]\n",
      "      vulMitigationRules: [cgroups-lxcfs-escape-mitigation, runc-override-mitigation]\n");
}

void EndOnErrors(const Diagnostics& diagnostics) {
  if (!diagnostics.HasErrors()) return;
  for (const Diagnostic& diagnostic : diagnostics.list()) {
    std::fputs(FormatDiagnostic(diagnostic).c_str(), stderr);
  }
  std::exit(1);
}

}  // namespace

std::string TypicalPolicy(const std::string& name, const std::string& enforcer) {
  return BuiltInPolicy(name, enforcer, "disallow-access-procfs-root");
}

std::string EditedPolicy(const std::string& name, const std::string& enforcer) {
  return BuiltInPolicy(name, enforcer, "disallow-mount");
}

std::string PatternPolicy(const std::vector<std::string>& patterns) {
  std::string text = absl::StrCat(Head("paths", "BPF"), "      bpfRawRules:\n        files:\n");
  for (const std::string& pattern : patterns) {
    absl::StrAppend(&text, "        - {qualifiers: [deny], pattern: \"", pattern,
                    "\", permissions: [write]}\n");
  }
  return text;
}

std::string AddressPolicy(int addresses) {
  std::string text = absl::StrCat(
      Head("addresses", "BPF"),
      "      bpfRawRules:\n        network:\n          egress:\n            toDestinations:\n");
  for (int i = 0; i < addresses; ++i) {
    absl::StrAppend(&text, "            - {qualifiers: [deny], ip: 10.", i >> 16 & 255, ".",
                    i >> 8 & 255, ".", i & 255, "}\n");
  }
  return text;
}

LoadedPolicy LoadOne(const std::string& text) {
  LoadResult loaded = LoadPolicies({{"policy.yaml", text}}, LoadOptions());
  return std::move(loaded.policies.at(0));
}

CompileResult CompileOne(const LoadedPolicy& policy) {
  CompileOptions options;
  options.lenient = true;
  CompileResult result = *Compile(policy, options, BuiltinCatalogue());
  EndOnErrors(result.diagnostics);
  return result;
}

void ReportImage(const CompileResult& result, benchmark::State& state) {
  if (!result.bpf.has_value()) return;
  double states = 0;
  double pages = 0;
  for (const BpfTableSummary& table : result.bpf->tables()) {
    states += table.states();
    pages += table.pages();
  }
  state.counters["states"] = states;
  state.counters["table_KiB"] = pages * 16;
  state.counters["artifact_KiB"] = static_cast<double>(result.bpf->ByteSizeLong()) / 1024;
}

void ReportPeakMemory(benchmark::State& state) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_MiB"] = static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace varmor
