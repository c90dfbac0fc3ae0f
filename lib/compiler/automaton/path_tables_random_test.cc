// Random sets of patterns on random paths: all tables together accept exactly the patterns whose
// own regular expression matches, in memory and paged.
//
// VARMOR_RANDOM_ROUNDS=N (--test_env) runs N sets instead of the few that every run affords.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "gtest/gtest.h"
#include "lib/compiler/automaton/glob_regex.h"
#include "lib/compiler/automaton/paginate.h"
#include "lib/compiler/automaton/path_matcher.h"
#include "lib/compiler/automaton/path_tables.h"
#include "lib/compiler/automaton/testing/random_patterns.h"
#include "re2/re2.h"

namespace varmor {
namespace {

using Values = std::vector<uint32_t>;

int Rounds() {
  const char* text = std::getenv("VARMOR_RANDOM_ROUNDS");
  int rounds = 0;
  return text != nullptr && absl::SimpleAtoi(text, &rounds) ? rounds : 300;
}

// One set of patterns, compiled and as regular expressions.
class Subject {
 public:
  explicit Subject(std::vector<PatternInput> patterns) : patterns_(std::move(patterns)) {
    for (const PatternInput& input : patterns_) {
      regexes_.push_back(std::make_unique<RE2>(ToRegex(input.pattern), RE2::Latin1));
    }
    const AcceptLabel label = [this](const Values& values) {
      sets_.push_back(values);
      return static_cast<uint32_t>(sets_.size());
    };
    absl::StatusOr<PathTables> tables = BuildPathTables(patterns_, {}, label);
    if (!tables.ok()) {
      EXPECT_EQ(tables.status().code(), absl::StatusCode::kResourceExhausted);
      return;
    }
    tables_ = *std::move(tables);
    for (const PathTable& table : tables_.tables) {
      headers_.emplace_back();
      const auto first = static_cast<uint32_t>(pages_.size());
      for (const PathPage& page : Paginate(table, first, &headers_.back())) pages_.push_back(page);
    }
    usable_ = true;
  }

  bool usable() const { return usable_; }

  void Check(const std::string& path) {
    Values wanted;
    for (size_t i = 0; i < patterns_.size(); ++i) {
      if (RE2::FullMatch(path, *regexes_[i])) wanted.push_back(patterns_[i].value);
    }
    const Values got = Accepted(path);
    const bool right = patterns_[0].decision == 0 ? got == wanted : Covers(got, wanted);
    if (right) return;
    ADD_FAILURE() << "path \"" << absl::CEscape(path) << "\" of the patterns " << Texts();
  }

 private:
  Values Accepted(const std::string& path) {
    Values got;
    for (size_t i = 0; i < tables_.tables.size(); ++i) {
      const uint32_t id = MatchTable(tables_.tables[i], path);
      EXPECT_EQ(MatchPath(pages_, headers_[i], path), id);
      if (id != 0) got.insert(got.end(), sets_[id - 1].begin(), sets_[id - 1].end());
    }
    std::sort(got.begin(), got.end());
    got.erase(std::unique(got.begin(), got.end()), got.end());
    return got;
  }

  // Nothing that does not match, and something for every decision that does.
  bool Covers(const Values& got, const Values& wanted) const {
    if (!std::includes(wanted.begin(), wanted.end(), got.begin(), got.end())) return false;
    return std::all_of(wanted.begin(), wanted.end(), [&](uint32_t value) {
      return std::any_of(got.begin(), got.end(), [&](uint32_t other) {
        return patterns_[other].decision == patterns_[value].decision;
      });
    });
  }

  std::string Texts() const {
    std::string texts;
    for (const PatternInput& input : patterns_) {
      texts += "\n  \"" + absl::CEscape(input.pattern.text()) + "\"";
    }
    return texts;
  }

  const std::vector<PatternInput> patterns_;
  std::vector<std::unique_ptr<RE2>> regexes_;
  std::vector<Values> sets_;
  PathTables tables_;
  std::vector<varmor_path_table> headers_;
  std::vector<PathPage> pages_;
  bool usable_ = false;
};

void CheckRandomSets(bool with_decisions) {
  const int rounds = Rounds();
  int usable = 0;
  for (int round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    RandomPatterns source(round);
    std::vector<PatternInput> patterns;
    for (uint32_t i = 0, n = 1 + source.Below(10); i < n; ++i) {
      patterns.push_back({source.Pattern(), i, with_decisions ? 1 + source.Below(3) : 0});
    }
    Subject subject(patterns);
    usable += subject.usable();
    for (int i = 0; i < 100 && subject.usable(); ++i) subject.Check(source.Path(patterns));
  }
  EXPECT_GT(usable, rounds * 9 / 10);
}

TEST(PathTablesRandomTest, SetsAreExact) { CheckRandomSets(false); }

TEST(PathTablesRandomTest, EveryDecisionIsThere) { CheckRandomSets(true); }

}  // namespace
}  // namespace varmor
