// What it costs to ask what a compiled policy does with an event, and how two policies differ.
//
//   bazel run -c opt //tools/bench:decide_benchmark

#include <cstdlib>
#include <string>

#include "benchmark/benchmark.h"
#include "lib/compiler/artifacts_of.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/diff/diff.h"
#include "lib/compiler/simulate/decide.h"
#include "lib/compiler/simulate/event_text.h"
#include "tools/bench/bench_policies.h"

namespace varmor {
namespace {

constexpr char kAll[] = "AppArmorBPFSeccomp";

Event EventOf(const std::string& text) {
  Event event;
  Diagnostics diagnostics;
  if (!ParseEventText(text, "event", event, diagnostics)) std::exit(1);
  return event;
}

CompileResult Typical(const char* enforcer) {
  return CompileOne(LoadOne(TypicalPolicy("web", enforcer)));
}

// From artifacts to the first answer.
void BM_LoadAndDecide(benchmark::State& state, const char* enforcer, const char* text) {
  const CompileResult result = Typical(enforcer);
  const Event event = EventOf(text);
  for (auto _ : state) {
    benchmark::DoNotOptimize(Simulator::Load(ArtifactsOf(result), {})->Decide(event).value());
  }
}
BENCHMARK_CAPTURE(BM_LoadAndDecide, AppArmor, "AppArmor", "write /etc/passwd")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_LoadAndDecide, BPF, "BPF", "write /etc/passwd")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_LoadAndDecide, Seccomp, "Seccomp", "syscall unshare(CLONE_NEWUSER)")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_LoadAndDecide, All, kAll, "write /etc/passwd")->Unit(benchmark::kMicrosecond);

// Each further answer.
void BM_Decide(benchmark::State& state, const char* enforcer, const char* text) {
  const CompileResult result = Typical(enforcer);
  const auto simulator = Simulator::Load(ArtifactsOf(result), {});
  const Event event = EventOf(text);
  benchmark::DoNotOptimize(simulator->Decide(event).value());
  for (auto _ : state) benchmark::DoNotOptimize(simulator->Decide(event).value());
}
BENCHMARK_CAPTURE(BM_Decide, AppArmor, "AppArmor", "write /etc/passwd")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_Decide, BPF, "BPF", "write /etc/passwd")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_Decide, Seccomp, "Seccomp", "syscall unshare(CLONE_NEWUSER)")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(BM_Decide, All, kAll, "write /etc/passwd")->Unit(benchmark::kMicrosecond);

void BM_Diff(benchmark::State& state, const char* enforcer) {
  const CompileResult before = Typical(enforcer);
  const CompileResult after = CompileOne(LoadOne(EditedPolicy("web", enforcer)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(Diff(ArtifactsOf(before), ArtifactsOf(after), {}).value());
  }
}
BENCHMARK_CAPTURE(BM_Diff, AppArmor, "AppArmor")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Diff, BPF, "BPF")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Diff, Seccomp, "Seccomp")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Diff, All, kAll)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace varmor
