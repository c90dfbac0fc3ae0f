#include "lib/compiler/automaton/path_pattern.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/automaton/glob_regex.h"
#include "lib/compiler/automaton/naive_match.h"

namespace varmor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string ParseError(absl::string_view text) {
  const absl::StatusOr<PathPattern> pattern = PathPattern::Parse(text);
  return pattern.ok() ? "accepted" : std::string(pattern.status().message());
}

bool Matches(absl::string_view text, absl::string_view path) {
  const absl::StatusOr<PathPattern> pattern = PathPattern::Parse(text);
  EXPECT_TRUE(pattern.ok()) << pattern.status();
  return pattern.ok() && NaiveMatch(*pattern, path);
}

struct ErrorCase {
  const char* pattern;
  const char* message;
};

constexpr ErrorCase kErrors[] = {
    {"", R"(pattern is empty; write "**" to match every path)"},
    {"passwd",
     R"(pattern "passwd" is relative and matches no path; start it with "/", or write "**/passwd")"},
    {"etc/passwd", R"(pattern "etc/passwd" is relative and matches no path; start it with "/")"},
    {"a**", R"(pattern "a**" is relative and matches no path; start it with "/")"},
    {"?/a", R"(pattern "?/a" is relative and matches no path; start it with "/")"},
    {"{/a,b/c}",
     R"(pattern "{/a,b/c}" has the alternative "b/c", which is relative and matches no path; )"
     R"(start it with "/")"},
    {"{/a,b}",
     R"(pattern "{/a,b}" has the alternative "b", which is relative and matches no path; )"
     R"(start it with "/", or write "**/b")"},
    {"/a***",
     R"(pattern "/a***" has 3 stars in a row at column 3; write "**", and "\*" for a literal star)"},
    {"/****",
     R"(pattern "/****" has 4 stars in a row at column 2; write "**", and "\*" for a literal star)"},
    {"/a[bc",
     R"(pattern "/a[bc" has a "[" that is never closed at column 3; close it with "]", or write )"
     R"("\[" for the character itself)"},
    {"/a[]", R"(pattern "/a[]" has an empty class at column 3; list characters as in "[a-z]", or )"
             R"(write "\[")"},
    {"/a[^]",
     R"(pattern "/a[^]" has an empty class at column 3; list characters as in "[a-z]", or )"
     R"(write "\[")"},
    {"/a[z-a]", R"(pattern "/a[z-a]" has a range that runs backwards at column 4; write "a-z")"},
    {"/a[b/]", R"(pattern "/a[b/]" has "/" in a class at column 5; classes never match it; )"
               R"(write "{/,...}")"},
    {"/a[/-/]", R"(pattern "/a[/-/]" has a class that no character is in at column 3; name one )"
                R"(other than "/")"},
    {"/a]", R"(pattern "/a]" closes a "]" that is not open at column 3; write "\]" for the )"
            R"(character itself)"},
    {"/a}", R"(pattern "/a}" closes a "}" that is not open at column 3; write "\}" for the )"
            R"(character itself)"},
    {"/{a,b",
     R"(pattern "/{a,b" has a "{" that is never closed at column 2; close it with "}", or )"
     R"(write "\{" for the character itself)"},
    {"/{a,{b}", R"(pattern "/{a,{b}" has a "{" that is never closed at column 2; close it with )"
                R"("}", or write "\{" for the character itself)"},
    {"/{}", R"(pattern "/{}" has braces with nothing inside at column 2; list alternatives as in )"
            R"("{a,b}", or write "\{\}")"},
    {"/a\\", R"(pattern "/a\\" ends in a lone backslash at column 3; write "\\" for a backslash)"},
    {"/@{PROC}/kcore",
     R"(pattern "/@{PROC}/kcore" has an AppArmor variable at column 2; BPF rules know none: write )"
     R"(the paths out, or "@\{")"},
    {"/[\xc3\xa9]",
     "pattern \"/[\xc3\xa9]\" has a character outside ASCII in a class at column 3; a class holds "
     "single bytes: list the characters in braces, \"{a,b}\""},
    {"/{{{{{{{{{{{{{{{{{a}}}}}}}}}}}}}}}}}",
     R"(pattern "/{{{{{{{{{{{{{{{{{a}}}}}}}}}}}}}}}}}" nests more than 16 braces at column 18; )"
     R"(write several rules)"},
    {"/{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}",
     R"(pattern "/{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}" stands for more than )"
     R"(1024 alternatives or 65536 bytes once its braces are written out; use wildcards, or )"
     R"(several rules)"},
};

TEST(PathPatternTest, MistakesSayWhereAndWhatToWrite) {
  for (const ErrorCase& c : kErrors) EXPECT_EQ(ParseError(c.pattern), c.message) << c.pattern;
}

TEST(PathPatternTest, NulIsAMistake) {
  EXPECT_EQ(ParseError(absl::string_view("/a\0b", 4)),
            R"(pattern "/a\x00b" has a NUL byte at column 3; remove it, no path holds one)");
  EXPECT_EQ(ParseError(absl::string_view("/a\\\0b", 5)),
            R"(pattern "/a\\\x00b" has a NUL byte at column 4; remove it, no path holds one)");
  EXPECT_EQ(ParseError(absl::string_view("/[\0]", 4)),
            R"(pattern "/[\x00]" has a NUL byte at column 3; remove it, no path holds one)");
}

TEST(PathPatternTest, LengthIsThatOfTheLongestPath) {
  const std::string longest = "/" + std::string(PathPattern::kMaxBytes - 1, 'a');
  EXPECT_TRUE(Matches(longest, longest));
  EXPECT_EQ(ParseError(longest + "a"),
            "pattern has 4096 bytes, more than 4095; no path is that long, shorten it");
}

struct MatchCase {
  const char* pattern;
  std::vector<std::string> matches;
  std::vector<std::string> others;
};

TEST(PathPatternTest, MatchesWhatVarmorsExamplesSay) {
  const MatchCase cases[] = {
      {"fi*", {"/fi", "/file", "/a/fi", "/a/b/file.txt"}, {"/fi/a", "/a/of", "/fi/"}},
      {"*le", {"/le", "/a/file", "/le/le"}, {"/file/", "/a/file.txt"}},
      {"*.log", {"/.log", "/var/log/a.log"}, {"/a.log.1", "/a.log/b"}},
      {"/tmp/**/33", {"/tmp/33", "/tmp/a/33", "/tmp/a/b/33", "/tmp//33"}, {"/tmp/a33", "/tmp33"}},
      {"/tmp/**", {"/tmp/", "/tmp/a", "/tmp/a/b"}, {"/tmp", "/tmpa", "/a/tmp/b"}},
      {"/tm**", {"/tm", "/tmp", "/tmp/a/b"}, {"/t", "/a/tmp"}},
      {"/t**/33", {"/t/33", "/tmp/33", "/tmp/a/33"}, {"/t33", "/33"}},
      {"/t/aa**aa", {"/t/aa", "/t/aaa", "/t/aaaa", "/t/aa/x/aa"}, {"/t/a", "/t/aab"}},
      {"/**/sh", {"/sh", "/bin/sh"}, {"/bin/bash", "/sh/"}},
      {"**ping", {"/ping", "/bin/ping", "/bin/sping"}, {"/bin/ping6"}},
      {"/bin/sh", {"/bin/sh"}, {"/bin/shell", "/bin/sh/", "/bin/s", "bin/sh", ""}},
      {"**", {"/", "/a", "/a/b", "", "proc"}, {}},
      {"/proc/**/mem", {"/proc/mem", "/proc/1/mem", "/proc/1/task/2/mem"}, {"/proc/1/memx"}},
      {"lib*lib", {"/lib", "/liblib", "/a/libxlib"}, {"/li", "/lib/lib/"}},
  };
  for (const MatchCase& c : cases) {
    for (const std::string& path : c.matches)
      EXPECT_TRUE(Matches(c.pattern, path)) << c.pattern << " " << path;
    for (const std::string& path : c.others)
      EXPECT_FALSE(Matches(c.pattern, path)) << c.pattern << " " << path;
  }
}

TEST(PathPatternTest, MatchesTheFullNotation) {
  const MatchCase cases[] = {
      {"/a/*", {"/a/", "/a/b"}, {"/a", "/a/b/c"}},
      {"/a/*/c", {"/a/b/c", "/a//c"}, {"/a/c", "/a/b/b/c"}},
      {"/a*b*", {"/ab", "/axbx"}, {"/a/b"}},
      {"/a/**/b/**", {"/a/b/", "/a/x/b/c", "/a/x/y/b/z"}, {"/a/b", "/ab/c"}},
      {"/a/**/**/b", {"/a/b", "/a/x/b", "/a/x/y/b"}, {"/ab"}},
      {"/a?", {"/ab", "/a\xff"}, {"/a", "/a/", "/abc"}},
      {"/[a-c]x", {"/ax", "/cx"}, {"/dx", "//x"}},
      {"/[^a-c]x", {"/dx", "/\xe9x"}, {"/ax", "//x"}},
      {"/[-a]", {"/-", "/a"}, {"/b"}},
      {"/[a-]", {"/-", "/a"}, {"/b"}},
      {"/[\\]\\-\\\\]", {"/]", "/-", "/\\"}, {"/a"}},
      {"/[*?{]", {"/*", "/?", "/{"}, {"/a"}},
      {"/[+-9]", {"/+", "/.", "/9"}, {"//"}},
      {"/{usr/,}bin/{,ba,da}sh",
       {"/usr/bin/sh", "/bin/bash", "/bin/dash"},
       {"/sbin/sh", "/bin/zsh"}},
      {"/{a,b{c,d{e,f}}}", {"/a", "/bc", "/bde", "/bdf"}, {"/b", "/bd"}},
      {"{/a,/b*}", {"/a", "/b", "/bc"}, {"/c"}},
      {"{/a,*.b}", {"/a", "/x.b", "/y/x.b"}, {"/a/a"}},
      {"/\\*\\?\\{\\}\\[\\]\\\\\\a", {"/*?{}[]\\a"}, {"/b"}},
      {"/a,b", {"/a,b"}, {"/a", "/b"}},
      {"/{a\\,b,c}", {"/a,b", "/c"}, {"/a", "/b"}},
      {"f?le", {"/file", "/a/fale"}, {"/fle", "/file/a"}},
      {"*.{log,txt}", {"/a.log", "/b/a.txt"}, {"/a.tar"}},
      {"/x/@home", {"/x/@home"}, {}},
  };
  for (const MatchCase& c : cases) {
    for (const std::string& path : c.matches)
      EXPECT_TRUE(Matches(c.pattern, path)) << c.pattern << " " << path;
    for (const std::string& path : c.others)
      EXPECT_FALSE(Matches(c.pattern, path)) << c.pattern << " " << path;
  }
}

TEST(PathPatternTest, NothingMatchesANul) {
  EXPECT_FALSE(Matches("**", absl::string_view("/\0", 2)));
  EXPECT_FALSE(
      NaiveMatch(PathPattern::Exact(absl::string_view("/\0", 2)), absl::string_view("/\0", 2)));
}

TEST(PathPatternTest, TheDefaultMatchesNothing) {
  EXPECT_FALSE(NaiveMatch(PathPattern(), ""));
  EXPECT_FALSE(NaiveMatch(PathPattern(), "/"));
  EXPECT_THAT(PathPattern().LiteralAncestors(), IsEmpty());
}

TEST(PathPatternTest, ExactTakesEveryCharacterLiterally) {
  const std::string path = "/a*b?[c]{d,e}\\f";
  const PathPattern exact = PathPattern::Exact(path);
  EXPECT_TRUE(NaiveMatch(exact, path));
  EXPECT_FALSE(NaiveMatch(exact, "/axb?[c]{d,e}\\f"));
  EXPECT_FALSE(exact.has_extended_glob());
  // Equality is that of the text, so the text must tell a literal star from a wildcard.
  EXPECT_FALSE(exact == *PathPattern::Parse("/a*b"));
  const absl::StatusOr<PathPattern> again = PathPattern::Parse(exact.text());
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(NaiveMatch(*again, path));
  EXPECT_TRUE(NaiveMatch(PathPattern::Exact("proc"), "proc"));
}

TEST(PathPatternTest, TellsNotationThatVarmorTookLiterally) {
  for (const char* text : {"/a?", "/[a]", "/{a,b}"}) {
    EXPECT_TRUE(PathPattern::Parse(text)->has_extended_glob()) << text;
  }
  for (const char* text : {"/a", "/a**b", "*.log", "/a\\?\\[\\{", "/a*/b,c"}) {
    EXPECT_FALSE(PathPattern::Parse(text)->has_extended_glob()) << text;
  }
}

TEST(PathPatternTest, LiteralAncestorsAreTheDirectoriesAbove) {
  const auto ancestors = [](const char* text) {
    return PathPattern::Parse(text)->LiteralAncestors();
  };
  EXPECT_THAT(ancestors("/etc/ssl/**"), ElementsAre("/etc", "/etc/ssl"));
  EXPECT_THAT(ancestors("/etc/passwd"), ElementsAre("/etc"));
  EXPECT_THAT(ancestors("/tmp/**/33"), ElementsAre("/tmp"));
  EXPECT_THAT(ancestors("/a/b/**/c/**"), ElementsAre("/a", "/a/b"));
  EXPECT_THAT(ancestors("/etc/{ssl,pki}/*.pem"), ElementsAre("/etc", "/etc/pki", "/etc/ssl"));
  EXPECT_THAT(ancestors("/sys**"), IsEmpty());
  EXPECT_THAT(ancestors("/a//b"), ElementsAre("/a"));
  EXPECT_THAT(ancestors("**/b/c"), IsEmpty());
  EXPECT_THAT(ancestors("*.log"), IsEmpty());
}

TEST(PathPatternTest, RegexIsReadable) {
  EXPECT_EQ(ToRegex(*PathPattern::Parse("/etc/*.d/?")),
            "/etc/[^\\x00/]*\\x2ed/[\\x01-\\x2e0-\\xff]");
  EXPECT_EQ(ToRegex(*PathPattern::Parse("/a/**/b/*")), "/a/(?:[^\\x00]*/)?b/[^\\x00/]*");
  EXPECT_EQ(ToRegex(*PathPattern::Parse("/t/a**a")), "/t/a[^\\x00]*a|/t/a");
}

}  // namespace
}  // namespace varmor
