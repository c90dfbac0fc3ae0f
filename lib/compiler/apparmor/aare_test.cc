#include "lib/compiler/apparmor/aare.h"

#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/aare_automaton.h"
#include "re2/re2.h"

namespace varmor {
namespace {

struct MatchCase {
  const char* pattern;
  const char* path;
  bool matches;
};

// The rows with a slash in front of a star were checked by compiling rules with the AppArmor
// parser:
// "/p/*" and "/p/?*" give the same profile.
constexpr MatchCase kMatchCases[] = {
    {"/etc/passwd", "/etc/passwd", true},
    {"/etc/passwd", "/etc/passwd2", false},
    {"/etc/*", "/etc/passwd", true},
    {"/etc/*", "/etc/", false},
    {"/etc/*", "/etc/a/b", false},
    {"/etc/*/", "/etc/a/", true},
    {"/etc/*/", "/etc//", false},
    {"/etc/*.d", "/etc/.d", true},
    {"/etc/**", "/etc/a/b", true},
    {"/etc/**", "/etc/", false},
    {"/etc/**/", "/etc/a/", true},
    {"/etc/**d", "/etc/d", true},
    {"/etc**", "/etc", true},
    {"/etc***", "/etc/x", true},
    {"/a/{*,x}", "/a/", true},
    {"/a?", "/ab", true},
    {"/a?", "/a/", false},
    {"/a[bc]", "/ac", true},
    {"/a[b-d]", "/ac", true},
    {"/a[d-b]", "/ac", true},
    {"/a[^b]", "/a/", true},
    {"/a[^b]", "/ab", false},
    {"/a[-b]", "/a-", true},
    {"/a[{,}]", "/a,", true},
    {"/{a,b}", "/b", true},
    {"/{{a,b},c}", "/c", true},
    {"/{,x}y", "/y", true},
    {"/{a\\,b,c}", "/a,b", true},
    {"/\\*", "/*", true},
    {"/\\*", "/a", false},
    {"/\\x41\\102\\d67", "/ABC", true},
    {"/a//b", "/a/b", true},
    {"/a\\x2f\\x2fb", "/a/b", true},
    {"//a", "/a", false},
    {"///a", "/a", true},
    {"/a,b", "/a,b", true},
    {"/^", "/^", true},
    {"/{a", "/{a", false},  // malformed
    {"", "", true},
};

TEST(AareTest, Matches) {
  for (const MatchCase& c : kMatchCases) {
    EXPECT_EQ(AareMatches(c.pattern, c.path), c.matches) << c.pattern << " on " << c.path;
  }
}

struct ProblemCase {
  const char* pattern;
  const char* problem;  // nullptr: fine
  size_t offset;
};

constexpr ProblemCase kProblemCases[] = {
    {"/a{b,c}[de]*", nullptr, 0},
    {"@{PROC}/@{pid}/x", nullptr, 0},
    {"/a{b", "\"{\" without \"}\"", 2},
    {"/a}b", "\"}\" without \"{\"", 2},
    {"/a{b}", "braces with a single alternative", 2},
    {"/a[b", "\"[\" without \"]\"", 2},
    {"/a]b", "\"]\" without \"[\"", 2},
    {"/a[]", "empty character class", 2},
    {"/a[^]", "empty character class", 2},
    {"/a[b-]", "\"-\" in a class is a range without an end", 4},
    {"/a[b-d-f]", "\"-\" in a class is a range without an end", 6},
    {"/a[*]", "\"*\" is a wildcard inside a class, too", 3},
    {"/a[a-*]", "\"*\" is a wildcard inside a class, too", 5},
    {"/a[\\^b]", "the AppArmor parser takes \"[\\^\" for \"[^\"", 3},
    {"/a[b\\,]", "inside a class \"\\,\" also stands for a backslash", 4},
    {"/a\\", "pattern ends in a backslash", 2},
    {"/@{a-b}", "braces with a single alternative", 2},
    {"{{.Name}}", "braces with a single alternative", 1},
};

TEST(AareTest, FindsWhatIsWrongWithAPattern) {
  for (const ProblemCase& c : kProblemCases) {
    SCOPED_TRACE(c.pattern);
    const auto problem = CheckAare(c.pattern);
    ASSERT_EQ(problem.has_value(), c.problem != nullptr);
    if (!problem.has_value()) continue;
    EXPECT_EQ(problem->problem, c.problem);
    EXPECT_EQ(problem->offset, c.offset);
    EXPECT_NE(problem->fix, "");
  }
  EXPECT_EQ(CheckAare("/{{.Name}}")->fix,
            "\"{{\" belongs to a template, which has to be rendered first; else separate "
            "alternatives with commas, or write \\{ and \\}");
  std::string deep = "/";
  for (int i = 0; i < 51; ++i) deep += "{a,";
  for (int i = 0; i < 51; ++i) deep += "}";
  EXPECT_EQ(CheckAare(deep)->problem, "more than 50 braces in braces");
}

TEST(AareTest, CountsAlternationsAsExact) {
  EXPECT_TRUE(IsExactAare("/bin/sh"));
  EXPECT_TRUE(IsExactAare("/bin/{a,b}sh"));
  EXPECT_TRUE(IsExactAare("/bin/\\*"));
  EXPECT_FALSE(IsExactAare("/bin/*"));
  EXPECT_FALSE(IsExactAare("/bin/[s]h"));
  EXPECT_FALSE(IsExactAare("/bin/{a"));
}

TEST(AareTest, ExpandsVariables) {
  EXPECT_EQ(*ExpandAareVariables("@{PROC}/mem"), std::vector<std::string>{"/proc//mem"});
  EXPECT_EQ(*ExpandAareVariables("@{HOME}/x"),
            (std::vector<std::string>{"/home//*//x", "/root//x"}));
  EXPECT_FALSE(ExpandAareVariables("@{profile_name}").has_value());
  EXPECT_FALSE(ExpandAareVariables("@{HOME}@{HOME}@{HOME}@{HOME}", 8).has_value());
}

// The translation to RE2, for comparison: written apart from the automaton.
std::string ToRe2(const std::vector<AareSymbol>& symbols) {
  std::string out;
  int depth = 0;
  for (size_t i = 0; i < symbols.size(); ++i) {
    const auto [byte, literal, offset] = symbols[i];
    const std::string one(1, static_cast<char>(byte));
    if (literal || absl::StrContains(".+()|$^/", one)) {
      absl::StrAppend(&out, RE2::QuoteMeta(one));
    } else if (byte == '*') {
      size_t end = i;
      while (end < symbols.size() && symbols[end].byte == '*' && !symbols[end].literal) ++end;
      const bool whole = i > 0 && symbols[i - 1].byte == '/' &&
                         (end == symbols.size() || symbols[end].byte == '/');
      absl::StrAppend(&out, whole ? "[^/]" : "", end - i > 1 ? "\\C*" : "[^/]*");
      i = end - 1;
    } else if (byte == '?') {
      out += "[^/]";
    } else if (byte == '[') {
      out += "[";
      for (++i; symbols[i].byte != ']'; ++i) {
        const bool keep = symbols[i].byte == '^' || symbols[i].byte == '-';
        const std::string member(1, static_cast<char>(symbols[i].byte));
        out += keep ? member : RE2::QuoteMeta(member);
      }
      out += "]";
    } else if (byte == '{') {
      out += "(?:";
      ++depth;
    } else if (byte == '}') {
      out += ")";
      --depth;
    } else if (byte == ',' && depth > 0) {
      out += "|";
    } else {
      out += RE2::QuoteMeta(one);
    }
  }
  return out;
}

class PatternWriter {
 public:
  explicit PatternWriter(unsigned seed) : random_(seed) {}

  std::string Pattern() { return "/" + Piece(3); }

  std::string Path() {
    static const char* const kPieces[] = {"a", "b", "/", "c", "a", "/"};
    std::string path = "/";
    for (int n = random_() % 7; n > 0; --n) path += kPieces[random_() % 6];
    return path;
  }

 private:
  std::string Piece(int depth) {
    static const char* const kPieces[] = {"a",    "b",    "/",     "*",     "**",  "?",
                                          "[ab]", "[^a]", "[a-b]", "c",     "/*",  "/**",
                                          "\\a",  "[^/]", "a/",    "\\x61", "\\*", "***"};
    std::string out;
    for (int n = 1 + random_() % 3; n > 0; --n) {
      if (depth > 0 && random_() % 5 == 0) {
        absl::StrAppend(&out, "{", Piece(depth - 1), ",", random_() % 3 ? Piece(depth - 1) : "",
                        "}");
      } else {
        out += kPieces[random_() % 18];
      }
    }
    return out;
  }

  std::mt19937 random_;
};

TEST(AareTest, AgreesWithRe2OnRandomPatterns) {
  PatternWriter writer(7);
  int matched = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string pattern = writer.Pattern();
    RE2::Options options;
    options.set_encoding(RE2::Options::EncodingLatin1);
    const RE2 re(ToRe2(DecodeAare(pattern)), options);
    ASSERT_TRUE(re.ok()) << pattern << " " << re.pattern();
    const auto nfa = AareNfa::Build(pattern);
    ASSERT_TRUE(nfa.has_value()) << pattern;
    for (int j = 0; j < 20; ++j) {
      const std::string path = writer.Path();
      const bool expected = RE2::FullMatch(path, re);
      ASSERT_EQ(nfa->Matches(path), expected) << pattern << " on " << path;
      matched += expected;
    }
  }
  EXPECT_GT(matched, 1000);
}

// Compares with trying all short paths over a few letters.
TEST(AareTest, OverlapAndCoverAgreeWithEnumeration) {
  std::vector<std::string> paths = {"/"};
  for (size_t i = 0; i < paths.size() && paths[i].size() < 5; ++i) {
    for (const char* letter : {"a", "b", "/", "z"}) paths.push_back(paths[i] + letter);
  }
  PatternWriter writer(11);
  int overlaps = 0;
  int covers = 0;
  for (int i = 0; i < 300; ++i) {
    const auto a = AareNfa::Build(writer.Pattern());
    const auto b = AareNfa::Build(writer.Pattern());
    const auto c = AareNfa::Build(writer.Pattern());
    bool overlap_found = false;
    bool gap_found = false;
    for (const std::string& path : paths) {
      overlap_found |= a->Matches(path) && b->Matches(path);
      gap_found |= a->Matches(path) && !b->Matches(path) && !c->Matches(path);
    }
    // Longer paths may show more.
    EXPECT_TRUE(!overlap_found || *AareOverlap(*a, *b));
    const auto covered = AareCovers({&*b, &*c}, *a);
    EXPECT_TRUE(!gap_found || covered == false);
    overlaps += overlap_found;
    covers += covered == true;
  }
  EXPECT_GT(overlaps, 20);
  EXPECT_GT(covers, 3);
}

TEST(AareTest, GivesUpOnHostilePatternsInsteadOfRunningOut) {
  std::string pattern = "/";
  for (int i = 0; i < 2000; ++i) pattern += "{a,}";
  EXPECT_FALSE(AareNfa::Build(pattern).has_value());
  EXPECT_FALSE(AareNfa::Build(std::string(10000, 'a')).has_value());
  const auto star = AareNfa::Build("/**a??????????????");
  EXPECT_FALSE(AareCovers({&*star}, *star, 100).has_value());
}

}  // namespace
}  // namespace varmor
