// Replacing variables, and the AppArmor parser's own opinion about it.
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/aare.h"
#include "lib/compiler/apparmor/testing/parser_oracle.h"

namespace varmor {
namespace {

struct SubstituteCase {
  const char* pattern;
  const char* text;
};

constexpr SubstituteCase kCases[] = {
    {"/a", "/a"},
    {"@{PROC}/mem", "/proc/mem"},
    {"/x/@{PROC}/y", "/x/proc/y"},
    {"@{HOME}", "{/home/*/,/root/}"},
    {"@{HOME}/.ssh", "{/home/*,/root}/.ssh"},
    {"@{HOME}x", "{/home/*/,/root/}x"},
    {"/x/@{HOME}/y", "/x/{home/*,root}/y"},
    {"/x@{run}/y", "/x{/run,/var/run}/y"},
    {"@{run}/@{run}x", "{/run,/var/run}/{run/,var/run/}x"},
    {"@{run}{/,}a", "{/run/,/var/run/}{/,}a"},
    {"/@{multiarch}/a", "/*-linux-gnu*/a"},
};

TEST(AareVariablesTest, BecomeAlternationsWithoutDoubleSlashes) {
  for (const SubstituteCase& c : kCases) {
    EXPECT_EQ(SubstituteAareVariables(c.pattern, GlobalAppArmorVariableValues()).value_or(""),
              c.text)
        << c.pattern;
  }
}

// Of those that can stand at the beginning of a rule without a variable.
TEST(AareVariablesTest, MeanTheSameToTheAppArmorParser) {
  int compared = 0;
  for (const SubstituteCase& c : kCases) {
    if (c.text[0] != '/') continue;
    const ParserVerdict with =
        CompileWithAppArmorParser(ProfileAround(absl::StrCat(c.pattern, " r,")));
    const ParserVerdict without =
        CompileWithAppArmorParser(ProfileAround(absl::StrCat(c.text, " r,")));
    ASSERT_TRUE(with.ok && without.ok) << with.messages << without.messages;
    EXPECT_EQ(with.binary, without.binary) << c.pattern;
    ++compared;
  }
  EXPECT_EQ(compared, 6);
}

TEST(AareVariablesTest, OwnValuesNestAndMultiply) {
  const AppArmorVariables variables = {
      {"A", {"/a/", "/b/"}}, {"B", {"@{A}/x", "/c"}}, {"LOOP", {"@{LOOP}"}}, {"EMPTY", {}}};
  EXPECT_EQ(SubstituteAareVariables("@{B}/y", variables), "{/a/x,/b/x,/c}/y");
  EXPECT_EQ(SubstituteAareVariables("@{LOOP}", variables), std::nullopt);
  EXPECT_EQ(SubstituteAareVariables("@{EMPTY}", variables), std::nullopt);
  EXPECT_EQ(SubstituteAareVariables("@{UNKNOWN}", variables), std::nullopt);
}

TEST(AareVariablesTest, ThatWouldBecomeVeryLongAreNothing) {
  AppArmorVariables variables = {{"V0", {"aaaaaaaa", "bbbbbbbb"}}};
  for (int i = 1; i < 12; ++i) {
    const std::string before = absl::StrCat("@{V", i - 1, "}");
    variables[absl::StrCat("V", i)] = {absl::StrCat(before, before)};
  }
  EXPECT_EQ(SubstituteAareVariables("@{V11}", variables), std::nullopt);
}

}  // namespace
}  // namespace varmor
