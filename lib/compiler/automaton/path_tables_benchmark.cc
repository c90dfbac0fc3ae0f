// What automata cost: building them, their bytes, and a match beside RE2::Set and a scan rule by
// rule.
//
//   bazel run -c opt //lib/compiler/automaton:path_tables_benchmark
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "lib/compiler/automaton/glob_regex.h"
#include "lib/compiler/automaton/paginate.h"
#include "lib/compiler/automaton/path_matcher.h"
#include "lib/compiler/automaton/path_tables.h"
#include "re2/set.h"

namespace varmor {
namespace {

// 49 bytes, 7 components.
constexpr char kPath[] = "/opt/app/data/cache/objects/ab/cdef0123456789.bin";

enum Family { kPrecise, kMixed, kNames };

// The same rules in every run.
std::vector<std::string> Rules(Family family, size_t count) {
  std::mt19937 random(1);
  const auto word = [&] {
    std::string text;
    for (size_t i = 0, n = 4 + random() % 6; i < n; ++i) text += 'a' + random() % 26;
    return text;
  };
  std::vector<std::string> directories;
  for (int i = 0; i < 400; ++i) directories.push_back("/" + word() + "/" + word());
  std::vector<std::string> rules;
  for (size_t i = 0; i < count; ++i) {
    std::string path = directories[random() % directories.size()];
    if (family == kNames || (family == kMixed && i % 1000 >= 845)) {
      rules.push_back(i % 2 ? "/**/" + word() : "*." + word());
    } else if (family == kMixed && i % 3 != 0) {
      rules.push_back(path + (i % 3 == 1 ? "/" + word() + "/**" : "/**/" + word()));
    } else {
      while (path.size() < 52) path += "/" + word();
      rules.push_back(path);
    }
  }
  return rules;
}

std::vector<PatternInput> Inputs(const benchmark::State& state) {
  std::vector<PatternInput> inputs;
  for (const std::string& rule : Rules(static_cast<Family>(state.range(0)), state.range(1))) {
    // Every rule denies writing.
    inputs.push_back({*PathPattern::Parse(rule), static_cast<uint32_t>(inputs.size()), 1});
  }
  return inputs;
}

PathTables Build(const std::vector<PatternInput>& inputs) {
  uint32_t last = 0;
  return *BuildPathTables(inputs, {}, [&](const std::vector<uint32_t>&) { return ++last; });
}

void BM_Build(benchmark::State& state) {
  const std::vector<PatternInput> inputs = Inputs(state);
  size_t states = 0, pages = 0, tables = 0;
  for (auto _ : state) {
    const PathTables built = Build(inputs);
    states = pages = 0;
    tables = built.tables.size();
    for (const PathTable& table : built.tables) {
      varmor_path_table header;
      states += table.states;
      pages += Paginate(table, 0, &header).size();
    }
  }
  state.counters["states"] = static_cast<double>(states);
  state.counters["bytes"] = static_cast<double>(pages * sizeof(PathPage));
  state.counters["tables"] = static_cast<double>(tables);
}

void BM_MatchTables(benchmark::State& state) {
  std::vector<PathPage> pages;
  std::vector<varmor_path_table> headers;
  for (const PathTable& table : Build(Inputs(state)).tables) {
    headers.emplace_back();
    const auto first = static_cast<uint32_t>(pages.size());
    for (const PathPage& page : Paginate(table, first, &headers.back())) pages.push_back(page);
  }
  for (auto _ : state) {
    for (const varmor_path_table& header : headers) {
      benchmark::DoNotOptimize(MatchPath(pages, header, kPath));
    }
  }
}

void BM_MatchRe2Set(benchmark::State& state) {
  RE2::Options options(RE2::Latin1);
  options.set_max_mem(int64_t{1} << 30);
  RE2::Set set(options, RE2::ANCHOR_BOTH);
  for (const PatternInput& input : Inputs(state)) set.Add(ToRegex(input.pattern), nullptr);
  if (!set.Compile()) return state.SkipWithError("RE2::Set ran out of memory");
  std::vector<int> matches;
  for (auto _ : state) benchmark::DoNotOptimize(set.Match(kPath, &matches));
}

// Prefix and suffix compare, rule by rule; literal rules, as others have no such form.
void BM_MatchScan(benchmark::State& state) {
  struct Ends {
    std::string prefix, suffix;
  };
  std::vector<Ends> rules;
  for (const std::string& rule : Rules(static_cast<Family>(state.range(0)), state.range(1))) {
    const size_t star = rule.find('*');
    const size_t after = rule.find_last_of('*');
    rules.push_back({rule.substr(0, star), star == rule.npos ? "" : rule.substr(after + 1)});
  }
  const std::string path = kPath;
  for (auto _ : state) {
    int hits = 0;
    for (const Ends& rule : rules) {
      hits += path.size() >= rule.prefix.size() + rule.suffix.size() &&
              path.compare(0, rule.prefix.size(), rule.prefix) == 0 &&
              path.compare(path.size() - rule.suffix.size(), rule.suffix.size(), rule.suffix) == 0;
    }
    benchmark::DoNotOptimize(hits);
  }
}

void Sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"family", "rules"});
  benchmark->ArgsProduct({{kPrecise, kMixed, kNames}, {1, 64, 1000, 4096, 10000}});
}

BENCHMARK(BM_Build)->Apply(Sizes)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_MatchTables)->Apply(Sizes);
BENCHMARK(BM_MatchRe2Set)->Apply(Sizes);
BENCHMARK(BM_MatchScan)->Apply(Sizes);

}  // namespace
}  // namespace varmor
