// The examples of docs/apparmor.md do what the page says.
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/check_statements.h"
#include "lib/compiler/apparmor/parse_statements.h"
#include "lib/compiler/apparmor/profile_text.h"
#include "lib/compiler/apparmor/testing/parser_oracle.h"

namespace varmor {
namespace {

// What is between the fences, in order.
std::vector<std::string> Examples() {
  std::ifstream file("docs/apparmor.md");
  const std::string page(std::istreambuf_iterator<char>(file), {});
  std::vector<std::string> examples;
  const std::string fence = "\n```\n";
  for (size_t at = 0; (at = page.find(fence, at)) != std::string::npos;) {
    const size_t begin = at + fence.size();
    const size_t end = page.find(fence, begin - 1);
    if (end == std::string::npos) break;
    examples.push_back(page.substr(begin, end + 1 - begin));
    at = end + fence.size() - 1;
  }
  return examples;
}

void ExpectTaken(const std::string& text) {
  const ParserVerdict verdict = RunAppArmorParser(text);
  EXPECT_TRUE(verdict.ok) << text << verdict.messages;
}

TEST(AppArmorDocsTest, ExamplesDoWhatThePageSays) {
  const std::vector<std::string> examples = Examples();
  ASSERT_EQ(examples.size(), 3);

  Diagnostics diagnostics;
  EXPECT_EQ(ParseAppArmorStatements(examples[0], "f", {}, diagnostics).size(), 7);
  EXPECT_EQ(diagnostics.size(), 0);
  ExpectTaken(ProfileAround(examples[0]));

  std::vector<AppArmorPlacedStatement> placed;
  for (AppArmorStatement& s : ParseAppArmorStatements(examples[1], "f", {}, diagnostics)) {
    placed.push_back({std::move(s), "f"});
  }
  CheckAppArmorStatements(placed, diagnostics);
  ASSERT_EQ(diagnostics.size(), 1);
  EXPECT_EQ(diagnostics.list()[0].code, "apparmor-exec-conflict");
  EXPECT_EQ(diagnostics.list()[0].inside.line, 3);

  Diagnostics profile_diagnostics;
  EXPECT_TRUE(ParseAppArmorProfileText(examples[2], "f", {}, profile_diagnostics).has_value());
  EXPECT_EQ(profile_diagnostics.size(), 0);
  ExpectTaken(examples[2]);
}

}  // namespace
}  // namespace varmor
