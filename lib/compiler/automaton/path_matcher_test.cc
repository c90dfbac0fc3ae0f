#include "lib/compiler/automaton/path_matcher.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/automaton/paginate.h"
#include "lib/compiler/automaton/path_tables.h"

namespace varmor {
namespace {

// Tables that accept pattern number n with the id n + 1.
std::vector<PathTable> Tables(const std::vector<std::string>& texts) {
  std::vector<PatternInput> inputs;
  for (const std::string& text : texts) {
    inputs.push_back({*PathPattern::Parse(text), static_cast<uint32_t>(inputs.size()), 0});
  }
  const auto tables = BuildPathTables(
      inputs, {}, [](const std::vector<uint32_t>& values) { return values[0] + 1; });
  EXPECT_TRUE(tables.ok()) << tables.status();
  return tables->tables;
}

std::string Numbered(int i) { return absl::StrCat("/data/item-", i, "/config-", i * 7919); }

// Enough patterns for several pages.
std::vector<std::string> ManyTexts() {
  std::vector<std::string> texts;
  for (int i = 0; i < 500; ++i) texts.push_back(Numbered(i));
  return texts;
}

TEST(PathMatcherTest, AnEmptyHeaderMatchesNothing) {
  EXPECT_EQ(MatchPath({}, varmor_path_table{}, "/a"), 0);
  EXPECT_EQ(MatchPath({}, varmor_path_table{}, ""), 0);
}

TEST(PathMatcherTest, FollowsStatesAcrossPages) {
  const std::vector<PathTable> tables = Tables(ManyTexts());
  ASSERT_EQ(tables.size(), 1);
  varmor_path_table header;
  const std::vector<PathPage> pages = Paginate(tables[0], 0, &header);
  EXPECT_GT(pages.size(), 3);
  EXPECT_EQ(header.pages, pages.size());
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(MatchPath(pages, header, Numbered(i)), i + 1);
    EXPECT_EQ(MatchPath(pages, header, Numbered(i) + "x"), 0);
  }
}

TEST(PathMatcherTest, TablesShareOneArrayOfPages) {
  std::vector<PathPage> pages;
  std::vector<varmor_path_table> headers;
  std::vector<std::string> texts = ManyTexts();
  texts.push_back("*.key");
  texts.push_back("/**/.ssh/**");
  for (const PathTable& table : Tables(texts)) {
    headers.emplace_back();
    const auto first = static_cast<uint32_t>(pages.size());
    for (const PathPage& page : Paginate(table, first, &headers.back())) pages.push_back(page);
  }
  ASSERT_EQ(headers.size(), 3);
  EXPECT_EQ(headers[0].flags, 0);
  EXPECT_EQ(headers[1].flags, VARMOR_PATH_REVERSE);
  EXPECT_EQ(headers[2].first_page, pages.size() - 1);
  EXPECT_EQ(MatchPath(pages, headers[0], Numbered(3)), 4);
  EXPECT_EQ(MatchPath(pages, headers[1], "/a/b.key"), 501);
  EXPECT_EQ(MatchPath(pages, headers[1], "/a/b.keys"), 0);
  EXPECT_EQ(MatchPath(pages, headers[2], "/root/.ssh/id"), 502);
}

TEST(PathMatcherTest, RowsDoNotStraddlePages) {
  const std::vector<PathTable> tables = Tables(ManyTexts());
  varmor_path_table header;
  const std::vector<PathPage> pages = Paginate(tables[0], 5, &header);
  EXPECT_EQ(header.start, 5u << VARMOR_PATH_PAGE_SHIFT | 256);
  const uint32_t row_bytes = 4 * (tables[0].classes + 1);
  for (size_t page = 0; page < pages.size(); ++page) {
    for (uint32_t word = page == 0 ? 64 : 0; word < VARMOR_PATH_PAGE_WORDS; ++word) {
      const uint32_t state = pages[page].words[word];
      if (state <= 500) continue;  // an accept id, or dead
      EXPECT_LE((state & VARMOR_PATH_OFFSET_MASK) + row_bytes, sizeof(PathPage));
      EXPECT_GE(state >> VARMOR_PATH_PAGE_SHIFT, 5);
      EXPECT_LT(state >> VARMOR_PATH_PAGE_SHIFT, 5 + pages.size());
    }
  }
}

TEST(PathMatcherTest, TheLongestPathIsStillAnswered) {
  const std::string longest = "/" + std::string(VARMOR_PATH_BYTES_MAX - 1, 'a');
  for (const char* text : {"/a**", "**a", "/*a*"}) {
    varmor_path_table header;
    const std::vector<PathPage> pages = Paginate(Tables({text})[0], 0, &header);
    EXPECT_EQ(MatchPath(pages, header, longest), 1) << text;
    EXPECT_EQ(MatchPath(pages, header, longest + "a"), VARMOR_PATH_UNRESOLVED) << text;
  }
}

TEST(PathMatcherTest, AMissingPageIsUnresolvedNotAMismatch) {
  const std::vector<PathTable> tables = Tables(ManyTexts());
  varmor_path_table header;
  std::vector<PathPage> pages = Paginate(tables[0], 0, &header);
  pages.resize(1);
  EXPECT_EQ(MatchPath(pages, header, Numbered(499)), VARMOR_PATH_UNRESOLVED);
  EXPECT_EQ(MatchPath({}, header, "/"), VARMOR_PATH_UNRESOLVED);
}

TEST(PathMatcherTest, ANulNeverMatches) {
  varmor_path_table header;
  const std::vector<PathPage> pages = Paginate(Tables({"**"})[0], 0, &header);
  EXPECT_EQ(MatchPath(pages, header, "/a"), 1);
  EXPECT_EQ(MatchPath(pages, header, absl::string_view("/\0a", 3)), 0);
}

TEST(PathMatcherTest, DamagedPagesAreReadWithinBounds) {
  // Whatever the words are, only pages of the array are read (the sanitizers watch).
  const std::vector<PathTable> tables = Tables({"/ab*c", "/x/**/y"});
  varmor_path_table header;
  const std::vector<PathPage> good = Paginate(tables[0], 0, &header);
  for (const uint32_t damage : {0xffffffffu, 0x3ffcu, 0x4000u, 1u}) {
    std::vector<PathPage> pages = good;
    for (uint32_t& word : pages[0].words) word ^= damage;
    header.start ^= damage & 0x3fff;
    MatchPath(pages, header, "/abbc/x/y/y/y");
  }
}

}  // namespace
}  // namespace varmor
