// Sets of patterns whose plain automaton explodes: they compile within bounds, or are refused by
// name. The counters are bounded, not the time.
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/automaton/path_tables.h"

namespace varmor {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class Words {
 public:
  std::string Next(size_t least = 5, size_t spread = 4) {
    std::string word;
    for (size_t i = 0, n = least + random_() % spread; i < n; ++i) word += 'a' + random_() % 26;
    return word;
  }
  std::string Directory() {
    std::string path;
    for (size_t i = 0, n = 1 + random_() % 4; i < n; ++i) path += "/" + Next();
    return path;
  }

 private:
  std::mt19937 random_{7};
};

absl::StatusOr<PathTables> Build(const std::vector<std::string>& texts, uint32_t decision = 0) {
  std::vector<PatternInput> inputs;
  for (const std::string& text : texts) {
    const absl::StatusOr<PathPattern> pattern = PathPattern::Parse(text);
    if (!pattern.ok()) return pattern.status();
    inputs.push_back({*pattern, static_cast<uint32_t>(inputs.size()), decision});
  }
  uint32_t last = 0;
  return BuildPathTables(inputs, {}, [&](const std::vector<uint32_t>&) { return ++last; });
}

size_t States(const PathTables& tables) {
  size_t states = 0;
  for (const PathTable& table : tables.tables) states += table.states;
  return states;
}

TEST(PathTablesExplosionTest, AnchoredAndFloatingPatternsDoNotMultiply) {
  Words words;
  std::vector<std::string> texts;
  for (int i = 0; i < 55; ++i) texts.push_back(words.Directory() + (i % 2 ? "/**" : "/**/x"));
  for (int i = 0; i < 9; ++i) texts.push_back("/**/" + words.Next());
  const auto tables = Build(texts);
  ASSERT_TRUE(tables.ok()) << tables.status();
  EXPECT_EQ(tables->tables.size(), 2);
  EXPECT_LT(States(*tables), 2500);
  EXPECT_LT(tables->work, 200000);
}

TEST(PathTablesExplosionTest, TwoFloatsInOnePatternAreLinearInReverse) {
  for (const int count : {4, 8, 14, 100}) {
    Words words;
    std::vector<std::string> texts;
    for (int i = 0; i < count; ++i) texts.push_back("/**/" + words.Next() + "/**/" + words.Next());
    const auto tables = Build(texts);
    ASSERT_TRUE(tables.ok()) << tables.status();
    ASSERT_EQ(tables->tables.size(), 1);
    EXPECT_TRUE(tables->tables[0].reverse);
    EXPECT_LT(States(*tables), 25 * count);
  }
}

TEST(PathTablesExplosionTest, AnchoredPartsOfNamesStayForward) {
  Words words;
  std::vector<std::string> texts;
  for (int i = 0; i < 64; ++i) texts.push_back(words.Directory() + "/*" + words.Next() + "*");
  const auto tables = Build(texts);
  ASSERT_TRUE(tables.ok()) << tables.status();
  ASSERT_EQ(tables->tables.size(), 1);
  EXPECT_FALSE(tables->tables[0].reverse);
  EXPECT_LT(States(*tables), 3000);
}

// 25 parts in each of 40 directories: every set of parts seen is a state of its own.
std::vector<std::string> ManyPartsPerDirectory() {
  Words words;
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) {
    const std::string directory = words.Directory();
    for (int j = 0; j < 25; ++j) texts.push_back(directory + "/*" + words.Next() + "*");
  }
  return texts;
}

TEST(PathTablesExplosionTest, ManyPartsPerDirectoryAreRefusedByName) {
  const auto tables = Build(ManyPartsPerDirectory());
  EXPECT_EQ(tables.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(tables.status().message()),
              AllOf(StartsWith("patterns \"/"), HasSubstr("*\" and "),
                    HasSubstr(" more together need more states than fit the 8 tables of 131072; "
                              "use fewer wildcards in each, or move some to another policy")));
}

TEST(PathTablesExplosionTest, ManyPartsOfOneDecisionFit) {
  const auto tables = Build(ManyPartsPerDirectory(), 1);
  ASSERT_TRUE(tables.ok()) << tables.status();
  EXPECT_EQ(tables->tables.size(), 1);
  EXPECT_LT(States(*tables), 10000);
}

TEST(PathTablesExplosionTest, SubtreesAnywhereOfOneDecisionAreLinear) {
  Words words;
  std::vector<std::string> texts;
  for (int i = 0; i < 1000; ++i) texts.push_back("/**/" + words.Next() + "/**");
  const auto tables = Build(texts, 1);
  ASSERT_TRUE(tables.ok()) << tables.status();
  EXPECT_EQ(tables->tables.size(), 1);
  EXPECT_LT(States(*tables), 9000);
}

TEST(PathTablesExplosionTest, AFewSubtreesAnywhereAreSpreadOverTables) {
  Words words;
  std::vector<std::string> texts;
  for (int i = 0; i < 20; ++i) texts.push_back("/**/" + words.Next() + "/**");
  const auto tables = Build(texts);
  ASSERT_TRUE(tables.ok()) << tables.status();
  EXPECT_GT(tables->tables.size(), 1);
  EXPECT_LE(tables->tables.size(), VARMOR_PATH_TABLES_MAX);
}

TEST(PathTablesExplosionTest, OnePatternThatExplodesForwardIsReversed) {
  const auto tables = Build({"/a/**a" + std::string(20, '?')});
  ASSERT_TRUE(tables.ok()) << tables.status();
  ASSERT_EQ(tables->tables.size(), 1);
  EXPECT_TRUE(tables->tables[0].reverse);
  EXPECT_LT(States(*tables), 50);
}

TEST(PathTablesExplosionTest, OnePatternThatExplodesBothWaysIsRefused) {
  // Which of the last 21 bytes were "a" (or, from the end, "b") is 2^21 states.
  const std::string gap(20, '?');
  const auto tables = Build({"/x/**a" + gap + "b**"});
  EXPECT_EQ(
      std::string(tables.status().message()),
      "pattern \"/x/**a" + gap +
          "b**\" needs more states than fit the 8 tables of 131072; use fewer wildcards in it");
}

TEST(PathTablesExplosionTest, WorkHasALimit) {
  PathTableLimits limits;
  limits.work = 1;
  limits.work_per_byte = 0;
  const PatternInput input{*PathPattern::Parse("/a/b"), 0, 0};
  const auto tables =
      BuildPathTables({input}, limits, [](const std::vector<uint32_t>&) { return 1; });
  EXPECT_EQ(tables.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(PathTablesExplosionTest, MoreTablesThanAllowedAreRefused) {
  PathTableLimits limits;
  limits.hard_states = 10;
  limits.max_tables = 2;
  std::vector<PatternInput> inputs;
  for (const char* text : {"/a123456", "/b123456", "/c1234567", "/d1234567"}) {
    inputs.push_back({*PathPattern::Parse(text), static_cast<uint32_t>(inputs.size()), 0});
  }
  uint32_t last = 0;
  const AcceptLabel label = [&](const std::vector<uint32_t>&) { return ++last; };
  EXPECT_EQ(
      std::string(BuildPathTables(inputs, limits, label).status().message()),
      R"(patterns "/a123456", "/b123456", "/c1234567", "/d1234567" together need more states )"
      R"(than fit the 2 tables of 10; use fewer wildcards in each, or move some to another )"
      R"(policy)");
  limits.max_tables = 4;
  const auto tables = BuildPathTables(inputs, limits, label);
  ASSERT_TRUE(tables.ok()) << tables.status();
  EXPECT_EQ(tables->tables.size(), 4);
}

// A trie costs what it is long, however many patterns there are.
TEST(PathTablesExplosionTest, ThousandsOfPrecisePathsAreLinear) {
  Words words;
  std::vector<std::string> texts;
  for (int i = 0; i < 4096; ++i) {
    std::string path = words.Directory();
    while (path.size() < 52) path += "/" + words.Next();
    texts.push_back(path);
  }
  const auto tables = Build(texts);
  ASSERT_TRUE(tables.ok()) << tables.status();
  EXPECT_LE(tables->tables.size(), 4);
  EXPECT_LT(tables->work, 3000000);
}

}  // namespace
}  // namespace varmor
