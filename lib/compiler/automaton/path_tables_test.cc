#include "lib/compiler/automaton/path_tables.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Values = std::vector<uint32_t>;

// Numbers the sets it is asked for.
class Labels {
 public:
  AcceptLabel Function() {
    return [this](const Values& values) {
      asked_.push_back(values);
      return static_cast<uint32_t>(asked_.size());
    };
  }
  const std::vector<Values>& asked() const { return asked_; }
  const Values& ValuesOf(uint32_t id) const { return asked_[id - 1]; }

 private:
  std::vector<Values> asked_;
};

std::vector<PatternInput> Inputs(const std::vector<std::string>& texts, uint32_t decision = 0) {
  std::vector<PatternInput> inputs;
  for (const std::string& text : texts) {
    absl::StatusOr<PathPattern> pattern = PathPattern::Parse(text);
    EXPECT_TRUE(pattern.ok()) << pattern.status();
    inputs.push_back({*pattern, static_cast<uint32_t>(inputs.size()), decision});
  }
  return inputs;
}

// What all tables together accept.
std::set<uint32_t> Accepted(const PathTables& tables, const Labels& labels,
                            absl::string_view path) {
  std::set<uint32_t> values;
  for (const PathTable& table : tables.tables) {
    const uint32_t id = MatchTable(table, path);
    if (id == 0) continue;
    for (const uint32_t value : labels.ValuesOf(id)) values.insert(value);
  }
  return values;
}

TEST(PathTablesTest, NoPatternNoTable) {
  Labels labels;
  const auto tables = BuildPathTables({}, {}, labels.Function());
  ASSERT_TRUE(tables.ok());
  EXPECT_THAT(tables->tables, IsEmpty());
  const auto of_default = BuildPathTables({PatternInput{}}, {}, labels.Function());
  ASSERT_TRUE(of_default.ok());
  EXPECT_THAT(of_default->tables, IsEmpty());
  EXPECT_THAT(labels.asked(), IsEmpty());
}

TEST(PathTablesTest, LiteralStartsGoForwardLiteralEndsInReverseTheRestByItself) {
  Labels labels;
  const auto tables =
      BuildPathTables(Inputs({"/etc/**", "*.key", "/**/.ssh/**", "/proc/**/mem", "{/a,**/b}"}), {},
                      labels.Function());
  ASSERT_TRUE(tables.ok()) << tables.status();
  ASSERT_EQ(tables->tables.size(), 3);
  EXPECT_FALSE(tables->tables[0].reverse);
  EXPECT_EQ(tables->tables[0].patterns, 3);
  EXPECT_TRUE(tables->tables[1].reverse);
  EXPECT_EQ(tables->tables[1].patterns, 2);
  EXPECT_FALSE(tables->tables[2].reverse);
  EXPECT_EQ(tables->tables[2].patterns, 1);
}

TEST(PathTablesTest, OrdinaryPathsDieEarly) {
  Labels labels;
  const auto tables =
      BuildPathTables(Inputs({"/etc/shadow", "/proc/**/mem"}), {}, labels.Function());
  ASSERT_TRUE(tables.ok());
  const PathTable& table = tables->tables[0];
  uint32_t state = 1;
  for (const char c : {'/', 'u'}) {
    state = table.next[state * table.classes + table.byte_class[static_cast<uint8_t>(c)]];
  }
  EXPECT_EQ(state, 0);
}

TEST(PathTablesTest, LabelsAreAskedOncePerSetAndEqualOnesMerge) {
  Labels labels;
  const std::vector<PatternInput> inputs = Inputs({"/a/*", "/a/b", "/b/*", "/b/b"});
  const auto apart = BuildPathTables(inputs, {}, labels.Function());
  ASSERT_TRUE(apart.ok());
  EXPECT_THAT(labels.asked(), ElementsAre(Values{0}, Values{0, 1}, Values{2}, Values{2, 3}));
  const auto merged = BuildPathTables(inputs, {}, [](const Values&) { return 5; });
  ASSERT_TRUE(merged.ok());
  // "/", "/a" or "/b", "/a/" and on: and the start.
  EXPECT_EQ(merged->tables[0].states, 4);
  EXPECT_GT(apart->tables[0].states, 4);
  EXPECT_EQ(MatchTable(merged->tables[0], "/a/x"), 5);
  EXPECT_EQ(MatchTable(merged->tables[0], "/c/x"), 0);
}

TEST(PathTablesTest, APatternMayComeTwice) {
  Labels labels;
  std::vector<PatternInput> inputs = Inputs({"/a", "/a"});
  const auto tables = BuildPathTables(inputs, {}, labels.Function());
  ASSERT_TRUE(tables.ok());
  EXPECT_THAT(Accepted(*tables, labels, "/a"), ElementsAre(0, 1));
}

TEST(PathTablesTest, OfOneDecisionOneValueIsEnough) {
  Labels labels;
  const auto tables = BuildPathTables(Inputs({"/a/**", "/a/b", "/a/*"}, 9), {}, labels.Function());
  ASSERT_TRUE(tables.ok());
  EXPECT_THAT(Accepted(*tables, labels, "/a/b"), ElementsAre(0));
  EXPECT_THAT(labels.asked(), ElementsAre(Values{0}));
}

TEST(PathTablesTest, DecisionsDoNotHideEachOther) {
  Labels labels;
  std::vector<PatternInput> inputs = Inputs({"/a/**", "/a/b", "/a/*"}, 9);
  inputs[1].decision = 8;
  inputs[2].decision = 0;
  const auto tables = BuildPathTables(inputs, {}, labels.Function());
  ASSERT_TRUE(tables.ok());
  EXPECT_THAT(Accepted(*tables, labels, "/a/b"), ElementsAre(0, 1, 2));
  EXPECT_THAT(Accepted(*tables, labels, "/a/b/c"), ElementsAre(0));
}

TEST(PathTablesTest, SettledComponentsDoNotHideWhatLeavesThem) {
  // "/a/x*" settles the decision while the name lasts, but "/a/*/c" goes on behind it.
  Labels labels;
  const auto tables =
      BuildPathTables(Inputs({"/a/x*", "/a/*/c", "/a/*y"}, 9), {}, labels.Function());
  ASSERT_TRUE(tables.ok());
  EXPECT_THAT(Accepted(*tables, labels, "/a/xy"), ElementsAre(0));
  EXPECT_THAT(Accepted(*tables, labels, "/a/xy/c"), ElementsAre(1));
  EXPECT_THAT(Accepted(*tables, labels, "/a/zy"), ElementsAre(2));
}

TEST(PathTablesTest, OrderOfPatternsDoesNotMatter) {
  std::vector<PatternInput> inputs = Inputs(
      {"/etc/**", "/etc/s*", "**/sh", "/**/.ssh/**", "/a?b[x-z]", "{/q,*.log}", "/etc/**/x"});
  Labels labels;
  const auto wanted = BuildPathTables(inputs, {}, labels.Function());
  ASSERT_TRUE(wanted.ok());
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    std::shuffle(inputs.begin(), inputs.end(), random);
    Labels again;
    const auto tables = BuildPathTables(inputs, {}, again.Function());
    ASSERT_TRUE(tables.ok());
    EXPECT_EQ(again.asked(), labels.asked());
    ASSERT_EQ(tables->tables.size(), wanted->tables.size());
    for (size_t i = 0; i < tables->tables.size(); ++i) {
      EXPECT_EQ(tables->tables[i].next, wanted->tables[i].next);
      EXPECT_EQ(tables->tables[i].accepts, wanted->tables[i].accepts);
      EXPECT_EQ(tables->tables[i].byte_class, wanted->tables[i].byte_class);
    }
  }
}

// The number of states that a brute-force comparison leaves (Moore), without the dead one.
size_t MinimalStates(const PathTable& table) {
  std::vector<uint32_t> block = table.accepts;
  for (size_t before = 0;;) {
    std::map<std::vector<uint32_t>, uint32_t> seen;
    std::vector<uint32_t> refined;
    for (uint32_t state = 0; state < block.size(); ++state) {
      std::vector<uint32_t> key = {block[state]};
      for (uint32_t c = 0; c < table.classes; ++c) {
        key.push_back(block[table.next[state * table.classes + c]]);
      }
      refined.push_back(seen.emplace(key, seen.size()).first->second);
    }
    block = refined;
    if (seen.size() == before) return before - 1;
    before = seen.size();
  }
}

TEST(PathTablesTest, TablesAreMinimal) {
  const std::vector<std::vector<std::string>> sets = {
      {"/a"},
      {"/abc", "/xbc", "/ybc"},
      {"/a/**/b/**/c", "/a/**/d"},
      {"**/ab*ba", "**/b?a", "*.log"},
      {"/**/a/**", "/**/b/**", "/*/c/*"},
      {"/{a,b}{c,d}/{e,f,}*", "/a[c-f]/**", "/t/aa**aa"},
  };
  for (const std::vector<std::string>& set : sets) {
    for (const bool merge : {false, true}) {
      Labels labels;
      const AcceptLabel all_equal = [](const Values&) { return 1; };
      const auto tables = BuildPathTables(Inputs(set), {}, merge ? all_equal : labels.Function());
      ASSERT_TRUE(tables.ok()) << tables.status();
      for (const PathTable& table : tables->tables) {
        EXPECT_EQ(table.states, MinimalStates(table)) << set[0];
      }
    }
  }
}

TEST(PathTablesTest, BytesThatNothingTellsApartShareAColumn) {
  Labels labels;
  const auto tables =
      BuildPathTables(Inputs({"/[a-f]x", "/[g-k]x"}), {}, [](const Values&) { return 1; });
  ASSERT_TRUE(tables.ok());
  // "/", a to k, x, all others.
  EXPECT_EQ(tables->tables[0].classes, 4);
  EXPECT_EQ(tables->tables[0].byte_class['a'], tables->tables[0].byte_class['k']);
  EXPECT_EQ(tables->tables[0].byte_class['y'], tables->tables[0].byte_class[255]);
}

}  // namespace
}  // namespace varmor
