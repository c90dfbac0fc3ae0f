// What matching a path costs, by number of rules: our tables, RE2::Set, and trying one pattern
// after another.
//
//   bazel run -c opt //tools/bench:matcher_benchmark
//
// Our tables are those of a compiled artifact, and the code is the one of the BPF program
// (path_match.h), compiled for user space. Paths have 49 bytes in 7 components. A case goes round
// through 64 of them, about rules that are spread evenly over all; "same" asks about one path only,
// as the caches like it.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "benchmark/benchmark.h"
#include "lib/compiler/artifact/bpf_map_abi.h"
#include "lib/compiler/artifact/path_match.h"
#include "lib/compiler/compile.h"
#include "re2/re2.h"
#include "re2/set.h"
#include "tools/bench/bench_policies.h"

namespace varmor {
namespace {

using Pages = std::vector<varmor_path_page>;

const varmor_path_page* FindPage(const Pages* pages, uint32_t number) {
  return number < pages->size() ? &(*pages)[number] : nullptr;
}

}  // namespace
}  // namespace varmor

#define VARMOR_PATH_PAGES const ::varmor::Pages*
#define VARMOR_PATH_FIND_PAGE(pages, number) ::varmor::FindPage(pages, number)
#include "lib/compiler/artifact/path_match.h"

namespace varmor {
namespace {

// The rules of a family differ in a number.
struct Family {
  const char* name;
  std::string pattern;
  // For RE2, where [^\0] is "any byte of a path".
  std::string regex;
  // "%05d" is the number of the rule, then "%02d" tells paths apart.
  std::string hit;
  // Dies late: only the end of the path, in the order of reading, is another.
  std::string near;
};

constexpr int kPaths = 64;
constexpr size_t kPathBytes = 49;

const Family& FamilyOf(int64_t number) {
  static const Family* const kFamilies = new Family[2]{
      {"literal start", "/srv/data/app-%05d/releases/current/logs/**",
       "/srv/data/app-%05d/releases/current/logs/[^\\x00]*",
       "/srv/data/app-%05d/releases/current/logs/w%02d.log",
       "/srv/data/app-%05d/releases/current/temp/w%02d.log"},
      {"wildcard start", "/**/app-%05d.key", "/(?:[^\\x00]*/)?app-%05d\\.key",
       "/srv/data/releases/current/logs/w%2$02d/app-%1$05d.key",
       "/srv/data/releases/current/logs/w%2$02d/opp-%1$05d.key"},
  };
  return kFamilies[number];
}

std::string Spell(const std::string& format, int rule, int path) {
  char text[128];
  std::snprintf(text, sizeof(text), format.c_str(), rule, path);
  return text;
}

std::vector<std::string> SpellAll(const std::string& format, int rules) {
  std::vector<std::string> texts;
  for (int i = 0; i < rules; ++i) texts.push_back(Spell(format, i, 0));
  return texts;
}

// The file tables of an artifact.
class Tables {
 public:
  explicit Tables(const std::vector<std::string>& patterns) {
    const CompileResult result = CompileOne(LoadOne(PatternPolicy(patterns)));
    for (const BpfMap& map : result.bpf->maps()) {
      if (map.name() == "profile") {
        std::memcpy(&profile_, map.entries(0).value().data(), sizeof(profile_));
      }
      if (map.name() == "pages") ReadPages(map);
    }
  }

  bool Match(absl::string_view path) const {
    bool found = false;
    for (uint32_t i = 0; i < profile_.file_tables; ++i) {
      found |= varmor_path_match(&pages_, &profile_.file[i], path.data(), 0,
                                 static_cast<uint32_t>(path.size())) != 0;
    }
    return found;
  }

 private:
  void ReadPages(const BpfMap& map) {
    pages_.resize(map.max_entries());
    for (const BpfMapEntry& entry : map.entries()) {
      uint32_t index = 0;
      std::memcpy(&index, entry.key().data(), sizeof(index));
      std::memcpy(&pages_.at(index), entry.value().data(), sizeof(varmor_path_page));
    }
  }

  varmor_profile profile_{};
  Pages pages_;
};

// One pass over the automaton of all regular expressions. Asked whether any matches, not which:
// that is quicker.
class Re2Set {
 public:
  explicit Re2Set(const std::vector<std::string>& regexes) : set_(Options(), RE2::ANCHOR_BOTH) {
    for (const std::string& regex : regexes) {
      if (set_.Add(regex, nullptr) < 0) std::exit(1);
    }
    if (!set_.Compile()) std::exit(1);
  }

  bool Match(absl::string_view path) const {
    return set_.Match(re2::StringPiece(path.data(), path.size()), nullptr);
  }

 private:
  static RE2::Options Options() {
    RE2::Options options(RE2::Latin1);
    options.set_max_mem(int64_t{1} << 30);  // never drop the automaton it builds on the way
    return options;
  }

  RE2::Set set_;
};

// One pattern after another until one matches.
class LinearScan {
 public:
  explicit LinearScan(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}

  bool Match(absl::string_view path) const {
    for (const std::string& pattern : patterns_) {
      if (MatchGlob(pattern, path)) return true;
    }
    return false;
  }

 private:
  // Knows "**" only, and "/**/" as a slash or two with anything between.
  static bool MatchGlob(absl::string_view pattern, absl::string_view path) {
    const size_t stars = pattern.find("**");
    const absl::string_view begin = pattern.substr(0, stars);
    if (path.substr(0, begin.size()) != begin) return false;
    absl::string_view end = pattern.substr(stars + 2);
    path.remove_prefix(begin.size());
    if (path.size() >= end.size() && path.substr(path.size() - end.size()) == end) return true;
    if (end.empty() || end[0] != '/' || begin.empty() || begin.back() != '/') return false;
    return path == end.substr(1);
  }

  std::vector<std::string> patterns_;
};

// Made once for a family and a number of rules.
template <typename Matcher>
const Matcher& MatcherOf(int64_t family, int64_t rules, const std::string& format) {
  static auto* const made = new std::map<std::pair<int64_t, int64_t>, std::unique_ptr<Matcher>>;
  std::unique_ptr<Matcher>& matcher = (*made)[{family, rules}];
  if (matcher == nullptr) {
    matcher = std::make_unique<Matcher>(SpellAll(format, static_cast<int>(rules)));
  }
  return *matcher;
}

// kSame: one matching path again and again; the others go round.
enum Paths { kSame, kHit, kNear, kFar };

// Dies at the first component, from either end.
const char kElsewhere[] = "/usr/share/doc/lib-%05d/examples/v1.2.3/w%02d.conf";

std::vector<std::string> PathsOf(const Family& family, int64_t rules, Paths kind) {
  std::vector<std::string> paths;
  for (int i = 0; i < kPaths; ++i) {
    const int rule = static_cast<int>(kind == kSame ? rules / 2 : rules * i / kPaths);
    const std::string format = kind == kNear ? family.near : kind == kFar ? kElsewhere : family.hit;
    paths.push_back(Spell(format, rule, kind == kSame ? 0 : i));
    if (paths.back().size() != kPathBytes) std::exit(2);
  }
  return paths;
}

template <typename Matcher>
void Run(const std::string Family::*format, Paths kind, benchmark::State& state) {
  const Family& family = FamilyOf(state.range(0));
  const Matcher& matcher = MatcherOf<Matcher>(state.range(0), state.range(1), family.*format);
  const std::vector<std::string> paths = PathsOf(family, state.range(1), kind);
  for (const std::string& path : paths) {
    if (matcher.Match(path) == (kind == kHit || kind == kSame)) continue;
    state.SkipWithError(absl::StrCat("wrong about ", path).c_str());
    return;
  }
  size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(matcher.Match(paths[at]));
    at = (at + 1) % kPaths;
  }
}

void BM_Tables(benchmark::State& state, Paths kind) { Run<Tables>(&Family::pattern, kind, state); }
void BM_Re2Set(benchmark::State& state, Paths kind) { Run<Re2Set>(&Family::regex, kind, state); }
void BM_Linear(benchmark::State& state, Paths kind) {
  Run<LinearScan>(&Family::pattern, kind, state);
}

void Cases(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"wild", "rules"});
  for (const int family : {0, 1}) {
    for (const int rules : {1, 64, 1000, 4096, 10000}) benchmark->Args({family, rules});
  }
}
BENCHMARK_CAPTURE(BM_Tables, same, kSame)->Apply(Cases);
BENCHMARK_CAPTURE(BM_Tables, hit, kHit)->Apply(Cases);
BENCHMARK_CAPTURE(BM_Tables, near, kNear)->Apply(Cases);
BENCHMARK_CAPTURE(BM_Tables, far, kFar)->Apply(Cases);
BENCHMARK_CAPTURE(BM_Re2Set, same, kSame)->Apply(Cases);
BENCHMARK_CAPTURE(BM_Re2Set, hit, kHit)->Apply(Cases);
BENCHMARK_CAPTURE(BM_Re2Set, near, kNear)->Apply(Cases);
BENCHMARK_CAPTURE(BM_Re2Set, far, kFar)->Apply(Cases);
BENCHMARK_CAPTURE(BM_Linear, same, kSame)->Apply(Cases);
BENCHMARK_CAPTURE(BM_Linear, hit, kHit)->Apply(Cases);
BENCHMARK_CAPTURE(BM_Linear, near, kNear)->Apply(Cases);
BENCHMARK_CAPTURE(BM_Linear, far, kFar)->Apply(Cases);

}  // namespace
}  // namespace varmor
