#include "lib/compiler/lint/pattern_automaton.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lib/compiler/automaton/naive_match.h"

namespace varmor {
namespace {

AareNfa Automaton(const std::string& pattern) {
  const absl::StatusOr<PathPattern> parsed = PathPattern::Parse(pattern);
  EXPECT_TRUE(parsed.ok()) << pattern << ": " << parsed.status();
  return *PatternAutomaton(*parsed);
}

// All words of up to `length` letters.
std::vector<std::string> Words(const std::string& letters, size_t length) {
  std::vector<std::string> words = {""};
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i].size() == length) break;
    for (const char c : letters) words.push_back(words[i] + c);
  }
  return words;
}

TEST(PatternAutomatonTest, MatchesWhatTheNaiveMatcherMatches) {
  const std::vector<std::string> words = Words("/ab", 6);
  int matches = 0;
  for (const char* text :
       {"/a", "/*", "/**", "**", "/a*b", "/a**b", "/**/b", "**/a", "*a", "/ab**ba", "/a/**/b/*",
        "/{a,b/}*", "/[ab]/?", "/a**a", "**a**", "/{,a/}b"}) {
    const AareNfa nfa = Automaton(text);
    const PathPattern pattern = *PathPattern::Parse(text);
    for (const std::string& word : words) {
      ASSERT_EQ(nfa.Matches(word), NaiveMatch(pattern, word)) << text << " on " << word;
      matches += nfa.Matches(word);
    }
  }
  EXPECT_GT(matches, 1000);
}

TEST(PatternAutomatonTest, TheDefaultPatternMatchesNothing) {
  const AareNfa nfa = *PatternAutomaton(PathPattern());
  EXPECT_FALSE(nfa.Matches(""));
  EXPECT_FALSE(nfa.Matches("/a"));
}

TEST(PatternAutomatonTest, CoverIsExact) {
  const AareNfa all = Automaton("/**");
  const AareNfa etc = Automaton("/etc/**");
  const AareNfa conf = Automaton("/etc/*.conf");
  const AareNfa name = Automaton("*.conf");
  EXPECT_TRUE(*AareCovers({&all}, etc));
  EXPECT_FALSE(*AareCovers({&etc}, all));
  EXPECT_TRUE(*AareCovers({&etc}, conf));
  EXPECT_TRUE(*AareCovers({&name}, conf));
  EXPECT_FALSE(*AareCovers({&conf}, name));
  // Only both together.
  const AareNfa a = Automaton("/x/[a-m]*");
  const AareNfa b = Automaton("/x/[n-z]*");
  const AareNfa letters = Automaton("/x/[a-z]");
  EXPECT_FALSE(*AareCovers({&a}, letters));
  EXPECT_TRUE(*AareCovers({&a, &b}, letters));
}

}  // namespace
}  // namespace varmor
