// docs/patterns.md says what the compiler does: every row of its tables is tried.
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "lib/compiler/automaton/path_pattern.h"
#include "lib/compiler/automaton/path_tables.h"

namespace varmor {
namespace {

using Row = std::vector<std::string>;

// Rows of all tables with this header line.
std::vector<Row> RowsBelow(const std::string& header) {
  std::ifstream file("docs/patterns.md");
  EXPECT_TRUE(file.is_open());
  std::vector<Row> rows;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == header) {
      inside = true;
      std::getline(file, line);  // |---|---|
      continue;
    }
    inside = inside && absl::StartsWith(line, "|");
    if (!inside) continue;
    Row cells;
    for (absl::string_view cell : absl::StrSplit(line.substr(1), '|')) {
      cells.emplace_back(absl::StripAsciiWhitespace(cell));
    }
    rows.push_back(cells);
  }
  return rows;
}

// The texts between back-quotes.
std::vector<std::string> Quoted(const std::string& cell) {
  const std::vector<std::string> parts = absl::StrSplit(cell, '`');
  std::vector<std::string> texts;
  for (size_t i = 1; i < parts.size(); i += 2) texts.push_back(parts[i]);
  return texts;
}

bool Matches(const std::string& text, const std::string& path) {
  const absl::StatusOr<PathPattern> pattern = PathPattern::Parse(text);
  EXPECT_TRUE(pattern.ok()) << pattern.status();
  if (!pattern.ok()) return false;
  const auto tables =
      BuildPathTables({{*pattern, 0, 0}}, {}, [](const std::vector<uint32_t>&) { return 1; });
  EXPECT_TRUE(tables.ok()) << tables.status();
  for (const PathTable& table : tables->tables) {
    if (MatchTable(table, path) != 0) return true;
  }
  return false;
}

TEST(PatternsDocTest, ExamplesAreTrue) {
  const std::vector<Row> rows = RowsBelow("| pattern | matches | does not match |");
  EXPECT_GT(rows.size(), 30);
  for (const Row& row : rows) {
    const std::string pattern = Quoted(row[0]).at(0);
    const std::vector<std::string> matches = Quoted(row[1]);
    const std::vector<std::string> others = Quoted(row[2]);
    if (matches.empty() && others.empty()) {
      EXPECT_FALSE(PathPattern::Parse(pattern).ok()) << "no example of " << pattern;
    }
    for (const std::string& path : matches)
      EXPECT_TRUE(Matches(pattern, path)) << pattern << " " << path;
    for (const std::string& path : others)
      EXPECT_FALSE(Matches(pattern, path)) << pattern << " " << path;
  }
}

TEST(PatternsDocTest, ComparisonWithAppArmorIsTrueOfOurSide) {
  const std::vector<Row> rows = RowsBelow("| pattern | path | BPF rule | AppArmor rule |");
  EXPECT_GT(rows.size(), 5);
  for (const Row& row : rows) {
    EXPECT_EQ(Matches(Quoted(row[0]).at(0), Quoted(row[1]).at(0)), row[2] == "yes")
        << row[0] << row[1];
  }
}

TEST(PatternsDocTest, MistakesAreReportedInTheseWords) {
  const std::vector<Row> rows = RowsBelow("| pattern | problem | fix |");
  EXPECT_GT(rows.size(), 10);
  for (const Row& row : rows) {
    const auto pattern = PathPattern::Parse(Quoted(row[0]).at(0));
    EXPECT_EQ(std::string(pattern.status().message()), row[1] + "; " + row[2]) << row[0];
  }
}

}  // namespace
}  // namespace varmor
