// The policies that are measured, and what the benchmarks share.
#ifndef TOOLS_BENCH_BENCH_POLICIES_H_
#define TOOLS_BENCH_BENCH_POLICIES_H_

#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {

// Ten built-in rules, about what vArmor's own performance tests use. `enforcer` is a word of the
// policy: "AppArmor", "BPF", "AppArmorBPFSeccomp".
std::string TypicalPolicy(const std::string& name, const std::string& enforcer);

// TypicalPolicy with one built-in rule less and one more: what an edit looks like.
std::string EditedPolicy(const std::string& name, const std::string& enforcer);

// BPF only: a rule that denies writing for each pattern.
std::string PatternPolicy(const std::vector<std::string>& patterns);

// BPF only: a rule that denies connecting for each of so many addresses.
std::string AddressPolicy(int addresses);

// Ends the program when the text or the policy has an error: a benchmark of errors would look fast.
LoadedPolicy LoadOne(const std::string& text);
CompileResult CompileOne(const LoadedPolicy& policy);

// Counters "states", "table_KiB" (pages of path tables), "artifact_KiB" of the BPF artifact.
void ReportImage(const CompileResult& result, benchmark::State& state);

// Counter "peak_MiB": of the process so far, so it means something in a process of its own.
void ReportPeakMemory(benchmark::State& state);

}  // namespace varmor

#endif  // TOOLS_BENCH_BENCH_POLICIES_H_
