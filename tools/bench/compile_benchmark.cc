// How long a compile takes, how large its tables are, and how much memory the process needs.
//
//   bazel run -c opt //tools/bench:compile_benchmark
//
// No AppArmor parser is involved: that is a program of its own. Peak memory means something only
// when one case runs alone, as run.sh has it.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"
#include "tools/bench/bench_policies.h"

namespace varmor {
namespace {

constexpr char kAll[] = "AppArmorBPFSeccomp";

// What a process needs that has read the catalogue and compiled nothing.
void BM_Nothing(benchmark::State& state) {
  const LoadedPolicy policy = LoadOne(TypicalPolicy("web", kAll));
  for (auto _ : state) benchmark::DoNotOptimize(&policy);
  ReportPeakMemory(state);
}
BENCHMARK(BM_Nothing);

void BM_LoadTypical(benchmark::State& state) {
  const std::string text = TypicalPolicy("web", kAll);
  for (auto _ : state) benchmark::DoNotOptimize(LoadOne(text));
  ReportPeakMemory(state);
}
BENCHMARK(BM_LoadTypical)->Unit(benchmark::kMicrosecond);

void CompileAgain(const std::string& text, benchmark::State& state) {
  const LoadedPolicy policy = LoadOne(text);
  for (auto _ : state) benchmark::DoNotOptimize(CompileOne(policy));
  ReportPeakMemory(state);
  ReportImage(CompileOne(policy), state);
}

void BM_CompileTypical(benchmark::State& state, const char* enforcer) {
  CompileAgain(TypicalPolicy("web", enforcer), state);
}
BENCHMARK_CAPTURE(BM_CompileTypical, AppArmor, "AppArmor")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_CompileTypical, BPF, "BPF")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_CompileTypical, Seccomp, "Seccomp")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_CompileTypical, All, kAll)->Unit(benchmark::kMicrosecond);

// Load and compile, one after another in one thread.
void BM_ManyPolicies(benchmark::State& state) {
  std::string text;
  for (int i = 0; i < state.range(0); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : "---\n", TypicalPolicy(absl::StrCat("web-", i), kAll));
  }
  for (auto _ : state) {
    const LoadResult loaded = LoadPolicies({{"policies.yaml", text}}, LoadOptions());
    for (const LoadedPolicy& policy : loaded.policies) {
      benchmark::DoNotOptimize(CompileOne(policy));
    }
  }
  ReportPeakMemory(state);
}
BENCHMARK(BM_ManyPolicies)
    ->Arg(10000)
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1)
    ->Repetitions(3);

void BM_PathRules(benchmark::State& state) {
  std::vector<std::string> patterns;
  for (int i = 0; i < state.range(0); ++i) {
    patterns.push_back(absl::StrCat("/srv/data/app-", i, "/**"));
  }
  CompileAgain(PatternPolicy(patterns), state);
}
BENCHMARK(BM_PathRules)->Arg(64)->Arg(1000)->Arg(4096)->Unit(benchmark::kMillisecond);

void BM_Addresses(benchmark::State& state) {
  CompileAgain(AddressPolicy(static_cast<int>(state.range(0))), state);
}
BENCHMARK(BM_Addresses)->Arg(10000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace varmor
