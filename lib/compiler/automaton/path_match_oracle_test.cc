// The code that the kernel runs on paths against the plainest matcher there is: millions of random
// and adversarial paths through the tables of random sets of patterns.
//
// VARMOR_MATCH_CASES=N (--test_env) runs N cases; one is a path and a set of patterns.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "gtest/gtest.h"
#include "lib/compiler/automaton/glob.h"
#include "lib/compiler/automaton/naive_match.h"
#include "lib/compiler/automaton/paginate.h"
#include "lib/compiler/automaton/path_matcher.h"
#include "lib/compiler/automaton/path_tables.h"
#include "lib/compiler/automaton/testing/random_patterns.h"

namespace varmor {
namespace {

constexpr int kPathsPerSet = 2000;
// NaiveMatch is asked as well for one path of so many.
constexpr int kNaiveEvery = 20;

uint64_t Cases() {
  const char* text = std::getenv("VARMOR_MATCH_CASES");
  uint64_t cases = 0;
  return text != nullptr && absl::SimpleAtoi(text, &cases) ? cases : 10000000;
}

// NaiveMatch in linear time: the set of places where the rest of the pattern may begin, moved on by
// one atom after the other. Buffers are kept, as there are millions of calls.
class LinearMatcher {
 public:
  bool Matches(const GlobNode& node, absl::string_view path) {
    for (const GlobRow& row : node.rows) {
      if (MatchesRow(node, row, path)) return true;
    }
    return false;
  }

 private:
  bool MatchesRow(const GlobNode& node, const GlobRow& row, absl::string_view path) {
    const auto overlap = std::find_if(row.begin(), row.end(), [](const GlobAtom& atom) {
      return atom.kind == GlobAtom::Kind::kOverlap;
    });
    if (overlap != row.end()) {
      return Begins(row.begin(), overlap, path) && Ends(overlap + 1, row.end(), path);
    }
    from_.assign(path.size() + 1, 0);
    from_[0] = 1;
    for (const GlobAtom& atom : row) {
      to_.assign(path.size() + 1, 0);
      if (!Move(node, atom, path)) return false;
      from_.swap(to_);
    }
    return from_[path.size()] != 0;
  }

  static bool Begins(GlobRow::const_iterator first, GlobRow::const_iterator last,
                     absl::string_view path) {
    const auto size = static_cast<size_t>(last - first);
    for (size_t i = 0; i < size; ++i) {
      if (i >= path.size() || static_cast<uint8_t>(path[i]) != first[i].byte) return false;
    }
    return true;
  }

  static bool Ends(GlobRow::const_iterator first, GlobRow::const_iterator last,
                   absl::string_view path) {
    const auto size = static_cast<size_t>(last - first);
    return size <= path.size() && Begins(first, last, path.substr(path.size() - size));
  }

  // False when no place is left.
  bool Move(const GlobNode& node, const GlobAtom& atom, absl::string_view path) {
    bool any = false;
    const auto reach = [&](size_t place) {
      to_[place] = 1;
      any = true;
    };
    // Inside of what a wildcard takes; for kDirectories: behind its first slash.
    bool inside = false;
    for (size_t i = 0; i <= path.size(); ++i) {
      const bool more = i < path.size();
      const auto byte = static_cast<uint8_t>(more ? path[i] : 0);
      switch (atom.kind) {
        case GlobAtom::Kind::kByte:
          if (from_[i] && more && byte == atom.byte) reach(i + 1);
          break;
        case GlobAtom::Kind::kSet:
          if (from_[i] && more && node.sets[atom.set][byte]) reach(i + 1);
          break;
        case GlobAtom::Kind::kStar:
          inside = from_[i] || (inside && path[i - 1] != '/');
          if (inside) reach(i);
          break;
        case GlobAtom::Kind::kDoubleStar:
        case GlobAtom::Kind::kOverlap:
          inside = inside || from_[i];
          if (inside) reach(i);
          break;
        case GlobAtom::Kind::kDirectories:
          inside = inside || (from_[i] && byte == '/');
          if (inside && byte == '/') reach(i + 1);
          break;
      }
    }
    return any;
  }

  std::vector<uint8_t> from_;
  std::vector<uint8_t> to_;
};

// One set of patterns and its tables.
class PatternSet {
 public:
  // False when the patterns do not fit tables, which happens.
  bool Build(std::vector<PatternInput> patterns) {
    patterns_ = std::move(patterns);
    masks_ = {0};
    const AcceptLabel label = [this](const std::vector<uint32_t>& values) {
      uint32_t mask = 0;
      for (const uint32_t value : values) mask |= 1u << value;
      masks_.push_back(mask);
      return static_cast<uint32_t>(masks_.size() - 1);
    };
    const absl::StatusOr<PathTables> tables = BuildPathTables(patterns_, {}, label);
    if (!tables.ok()) return false;
    for (const PathTable& table : tables->tables) {
      const auto first = static_cast<uint32_t>(pages_.size());
      for (const PathPage& page : Paginate(table, first, &headers_.emplace_back())) {
        pages_.push_back(page);
      }
    }
    return true;
  }

  // The patterns that match, as bits; by the tables, by the linear and by the naive matcher.
  uint32_t ByTables(absl::string_view path) const {
    uint32_t mask = 0;
    for (const varmor_path_table& header : headers_) {
      const uint32_t id = MatchPath(pages_, header, path);
      if (id >= masks_.size()) return ~0u;  // unresolved
      mask |= masks_[id];
    }
    return mask;
  }
  uint32_t ByLinearMatcher(absl::string_view path, LinearMatcher& matcher) const {
    uint32_t mask = 0;
    for (const PatternInput& input : patterns_) {
      if (matcher.Matches(*input.pattern.root(), path)) mask |= 1u << input.value;
    }
    return mask;
  }
  uint32_t ByNaiveMatcher(absl::string_view path) const {
    uint32_t mask = 0;
    for (const PatternInput& input : patterns_) {
      if (NaiveMatch(input.pattern, path)) mask |= 1u << input.value;
    }
    return mask;
  }

  // Whether the tables may say `got`: of patterns with the same decision one is enough.
  bool Agrees(uint32_t got, uint32_t wanted) const {
    if (patterns_[0].decision == 0) return got == wanted;
    if ((got & ~wanted) != 0) return false;
    for (const PatternInput& input : patterns_) {
      if ((wanted >> input.value & 1) == 0) continue;
      uint32_t same = 0;
      for (const PatternInput& other : patterns_) {
        if (other.decision == input.decision) same |= 1u << other.value;
      }
      if ((got & same) == 0) return false;
    }
    return true;
  }

  const std::vector<PatternInput>& patterns() const { return patterns_; }
  std::string Texts() const {
    std::string texts;
    for (const PatternInput& input : patterns_) {
      texts += "\n  \"" + absl::CEscape(input.pattern.text()) + "\"";
    }
    return texts;
  }

 private:
  std::vector<PatternInput> patterns_;
  std::vector<uint32_t> masks_;
  std::vector<varmor_path_table> headers_;
  std::vector<PathPage> pages_;
};

// A near miss: a byte more, less or other.
void Mutate(RandomPatterns& random, std::string& path) {
  const uint32_t at = random.Below(static_cast<uint32_t>(path.size() + 1));
  const char byte = random.Chance(25) ? '/' : random.Byte();
  switch (random.Below(4)) {
    case 0:
      if (path.size() < VARMOR_PATH_BYTES_MAX) path.insert(at, 1, byte);
      break;
    case 1:
      if (at < path.size()) path.erase(at, 1);
      break;
    case 2:
      if (at < path.size()) path.erase(at);
      break;
    default:
      if (at < path.size()) path[at] = byte;
  }
}

TEST(PathMatchOracleTest, TablesAndPlainMatchersAgree) {
  const uint64_t wanted_cases = Cases();
  uint64_t cases = 0, matches = 0, naive = 0, longest = 0, sets = 0;
  LinearMatcher matcher;
  for (uint32_t seed = 0; cases < wanted_cases; ++seed) {
    RandomPatterns random(seed);
    std::vector<PatternInput> patterns;
    for (uint32_t i = 0, n = 1 + random.Below(8); i < n; ++i) {
      patterns.push_back({random.Pattern(), i, seed % 2 == 0 ? 0 : 1 + random.Below(3)});
    }
    PatternSet set;
    if (!set.Build(std::move(patterns))) continue;
    ++sets;
    std::string path;
    for (int i = 0; i < kPathsPerSet && cases < wanted_cases; ++i, ++cases) {
      if (i % 10 == 0) {
        path = random.Path(set.patterns(), 1);
      } else {
        Mutate(random, path);
      }
      // Long ones take long.
      if (path.size() > 1000 && i % 10 > 2) path = random.Path(set.patterns(), 0);
      const uint32_t want = set.ByLinearMatcher(path, matcher);
      const uint32_t got = set.ByTables(path);
      ASSERT_TRUE(set.Agrees(got, want)) << "seed " << seed << ", path \"" << absl::CEscape(path)
                                         << "\": " << got << ", want " << want << set.Texts();
      matches += want != 0;
      longest = std::max<uint64_t>(longest, path.size());
      if (i % kNaiveEvery != 0 || path.size() > 300) continue;
      ++naive;
      ASSERT_EQ(set.ByNaiveMatcher(path), want)
          << "seed " << seed << ", path \"" << absl::CEscape(path) << "\" of" << set.Texts();
    }
  }
  EXPECT_GT(matches, cases / 20);
  EXPECT_EQ(cases, wanted_cases);
  if (wanted_cases > 1000000) {
    EXPECT_EQ(longest, VARMOR_PATH_BYTES_MAX);
  }
  std::cout << "oracle: " << cases << " paths through the tables of " << sets
            << " random sets of patterns, " << matches << " of them matches; all as the plain "
            << "matcher, and " << naive << " as the naive one\n";
}

}  // namespace
}  // namespace varmor
