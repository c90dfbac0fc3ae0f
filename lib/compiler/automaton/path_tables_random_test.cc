// Random sets of patterns on random paths: all tables together accept exactly the patterns whose
// own regular expression matches, in memory and paged.
//
// VARMOR_RANDOM_ROUNDS=N (--test_env) runs N sets instead of the few that every run affords.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "gtest/gtest.h"
#include "lib/compiler/automaton/glob_regex.h"
#include "lib/compiler/automaton/paginate.h"
#include "lib/compiler/automaton/path_matcher.h"
#include "lib/compiler/automaton/path_tables.h"
#include "re2/re2.h"

namespace varmor {
namespace {

using Values = std::vector<uint32_t>;

int Rounds() {
  const char* text = std::getenv("VARMOR_RANDOM_ROUNDS");
  int rounds = 0;
  return text != nullptr && absl::SimpleAtoi(text, &rounds) ? rounds : 300;
}

class Source {
 public:
  explicit Source(uint32_t seed) : random_(seed) {}

  uint32_t Below(uint32_t limit) { return random_() % limit; }
  bool Chance(uint32_t percent) { return Below(100) < percent; }

  // Mostly few different bytes, so that patterns and paths meet.
  char Byte() {
    static constexpr char kOften[] = {'a', 'b', 'c', '.', '\xc3'};
    return Chance(95) ? kOften[Below(sizeof(kOften))] : static_cast<char>(1 + Below(255));
  }

  std::string Literal() {
    std::string out;
    for (uint32_t i = 0, n = 1 + Below(3); i < n; ++i) {
      const char c = Byte();
      if (c == '/') continue;
      if (std::string("*?[]{},\\@").find(c) != std::string::npos) out += '\\';
      out += c;
    }
    return out;
  }

  std::string Piece(int depth) {
    switch (Below(depth > 0 ? 12 : 10)) {
      case 0:
        return "*";
      case 1:
        return "?";
      case 2:
        return Chance(50) ? "[a-b.]" : "[^a]";
      case 3:
        return "**";
      case 10:
      case 11: {
        std::string group = "{" + Pieces(depth - 1);
        for (uint32_t i = 0, n = Below(3); i < n; ++i) group += "," + Pieces(depth - 1);
        return group + "}";
      }
      default:
        return Literal();
    }
  }

  std::string Pieces(int depth) {
    std::string out;
    for (uint32_t i = 0, n = Below(3); i < n; ++i) {
      // Three stars in a row are a mistake.
      std::string piece = Piece(depth);
      if (!out.empty() && out.back() == '*' && piece[0] == '*') piece = "/";
      out += piece;
    }
    return out;
  }

  // One of kinds A, E, C and names.
  PathPattern Pattern() {
    for (;;) {
      std::string text = Chance(10) ? "" : Chance(20) ? "**" : "/";
      for (uint32_t i = 0, n = 1 + Below(4); i < n; ++i) {
        if (i > 0) text += Chance(30) ? "/**/" : "/";
        text += Pieces(2);
      }
      absl::StatusOr<PathPattern> pattern = PathPattern::Parse(text);
      if (pattern.ok()) return *std::move(pattern);
    }
  }

  // Half random, half made from what a pattern looks like.
  std::string Path(const std::vector<PatternInput>& patterns) {
    std::string path;
    for (const char c : patterns[Below(patterns.size())].pattern.text()) {
      if (Chance(15)) continue;
      if (c == '*' || c == '?') {
        for (uint32_t i = 0, n = Below(4); i < n; ++i) path += Chance(20) ? '/' : Byte();
      } else if (std::string("[]{},\\").find(c) == std::string::npos) {
        path += c;
      }
    }
    if (Chance(90) && (path.empty() || path[0] != '/')) path = "/" + path;
    if (Chance(30)) path += "/" + Literal();
    if (Chance(5)) {  // as long as a path can be
      const size_t at = Below(path.size() + 1);
      path.insert(at, std::string(VARMOR_PATH_BYTES_MAX - path.size(), Chance(50) ? 'a' : '/'));
    }
    return path;
  }

 private:
  std::mt19937 random_;
};

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
    Source source(round);
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
