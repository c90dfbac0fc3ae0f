// How long a compile takes and how large its tables are.
//
//   bazel run -c opt //tools/bench:compile_benchmark
//
// No AppArmor parser is involved: that is a program of its own.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {
namespace {

std::string Head(const std::string& name, const std::string& enforcer) {
  return absl::StrCat(
      "apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\nmetadata: {name: ", name,
      ", namespace: bench}\nspec:\n  target: {kind: Deployment, name: web}\n",
      "  policy:\n    enforcer: ", enforcer, "\n    mode: EnhanceProtect\n    enhanceProtect:\n");
}

// About what vArmor's own performance tests use.
std::string TypicalPolicy(const std::string& name, const std::string& enforcer) {
  return absl::StrCat(
      Head(name, enforcer),
      "      hardeningRules: [disable-cap-privileged, disallow-umount, "
      "disallow-access-procfs-root]\n",
      "      attackProtectionRules:\n      - rules: [mitigate-sa-leak, ",
      "mitigate-disk-device-number-leak, mitigate-overlayfs-leak, mitigate-host-ip-leak, ",
      "disable-write-etc]\n",
      "      vulMitigationRules: [cgroups-lxcfs-escape-mitigation, runc-override-mitigation]\n");
}

std::string PathPolicy(int rules) {
  std::string text = absl::StrCat(Head("paths", "BPF"), "      bpfRawRules:\n        files:\n");
  for (int i = 0; i < rules; ++i) {
    absl::StrAppend(&text, "        - {qualifiers: [deny], pattern: /srv/data/app-", i,
                    "/**, permissions: [write]}\n");
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
  return *Compile(policy, options, BuiltinCatalogue());
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

void BM_LoadTypical(benchmark::State& state) {
  const std::string text = TypicalPolicy("web", "AppArmorBPFSeccomp");
  for (auto _ : state) benchmark::DoNotOptimize(LoadOne(text));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(BM_LoadTypical)->Unit(benchmark::kMicrosecond);

void BM_CompileTypical(benchmark::State& state, const char* enforcer) {
  const LoadedPolicy policy = LoadOne(TypicalPolicy("web", enforcer));
  for (auto _ : state) benchmark::DoNotOptimize(CompileOne(policy));
  ReportImage(CompileOne(policy), state);
}
BENCHMARK_CAPTURE(BM_CompileTypical, AppArmor, "AppArmor")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_CompileTypical, BPF, "BPF")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_CompileTypical, Seccomp, "Seccomp")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_CompileTypical, All, "AppArmorBPFSeccomp")->Unit(benchmark::kMicrosecond);

// Load and compile, one after another on one core.
void BM_ManyPolicies(benchmark::State& state) {
  std::string text;
  for (int i = 0; i < state.range(0); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : "---\n",
                    TypicalPolicy(absl::StrCat("web-", i), "AppArmorBPFSeccomp"));
  }
  for (auto _ : state) {
    const LoadResult loaded = LoadPolicies({{"policies.yaml", text}}, LoadOptions());
    for (const LoadedPolicy& policy : loaded.policies) {
      benchmark::DoNotOptimize(CompileOne(policy));
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_ManyPolicies)->Arg(1000)->Unit(benchmark::kMillisecond)->Iterations(1);

void BM_PathRules(benchmark::State& state) {
  const LoadedPolicy policy = LoadOne(PathPolicy(static_cast<int>(state.range(0))));
  for (auto _ : state) benchmark::DoNotOptimize(CompileOne(policy));
  ReportImage(CompileOne(policy), state);
}
BENCHMARK(BM_PathRules)->Arg(64)->Arg(1000)->Arg(4096)->Unit(benchmark::kMillisecond);

void BM_Addresses(benchmark::State& state) {
  const LoadedPolicy policy = LoadOne(AddressPolicy(static_cast<int>(state.range(0))));
  for (auto _ : state) benchmark::DoNotOptimize(CompileOne(policy));
  ReportImage(CompileOne(policy), state);
}
BENCHMARK(BM_Addresses)->Arg(10000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace varmor
