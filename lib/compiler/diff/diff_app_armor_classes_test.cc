#include "lib/compiler/diff/diff_app_armor_classes.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

// "/etc/a: 0,1" per class. "!" in front of a pattern: it has changed.
std::vector<std::string> ClassTexts(const std::vector<std::string>& texts, TextDomain domain,
                                    bool all, uint64_t work = 1000000) {
  std::vector<std::optional<AareNfa>> automata;
  std::vector<ClassifiedPattern> patterns;
  for (const std::string& text : texts) {
    automata.push_back(AareNfa::Build(text[0] == '!' ? text.substr(1) : text));
  }
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_TRUE(automata[i].has_value()) << texts[i];
    patterns.push_back({&*automata[i], texts[i][0] == '!'});
  }
  DiffBudget budget{work};
  std::vector<int> culprits;
  const auto classes = all ? ClassifyAllTexts(patterns, domain, budget, culprits)
                           : ClassifyTexts(patterns, domain, budget, culprits);
  if (!classes.has_value()) return {absl::StrCat("gave up at ", absl::StrJoin(culprits, ","))};
  std::vector<std::string> out;
  for (const TextClass& texts_alike : *classes) {
    out.push_back(absl::StrCat(texts_alike.example, ": ", absl::StrJoin(texts_alike.matched, ",")));
  }
  return out;
}

using Texts = std::vector<std::string>;

TEST(ClassifyTextsTest, FindsTheShortestTextOfEveryClassOfAChangedPattern) {
  EXPECT_EQ(ClassTexts({"!/etc/*", "/etc/b"}, TextDomain::kPath, false),
            (Texts{"/etc/a: 0", "/etc/b: 0,1"}));
  EXPECT_EQ(ClassTexts({"/etc/*", "!/etc/b"}, TextDomain::kPath, false), (Texts{"/etc/b: 0,1"}));
}

TEST(ClassifyTextsTest, LooksAtNothingWhenNothingHasChanged) {
  EXPECT_EQ(ClassTexts({"/**", "/a/**b**c**d"}, TextDomain::kPath, false, 1), Texts());
}

TEST(ClassifyTextsTest, FindsAllClassesWhenAsked) {
  EXPECT_EQ(ClassTexts({"/a", "/{a,b}"}, TextDomain::kPath, true),
            (Texts{"/: ", "/a: 0,1", "/b: 1"}));
}

TEST(ClassifyTextsTest, KeepsToResolvedPaths) {
  // What these match is no path that the kernel reports, but for the last one.
  for (const char* pattern : {"!//a", "!/./a", "!/a/..", "!/a/../b", "!/.", "!a"}) {
    EXPECT_EQ(ClassTexts({pattern}, TextDomain::kPath, false), Texts()) << pattern;
  }
  EXPECT_EQ(ClassTexts({"!/a/"}, TextDomain::kPath, false), Texts{"/a/: 0"});
  EXPECT_EQ(ClassTexts({"!/..."}, TextDomain::kPath, false), Texts{"/...: 0"});
}

TEST(ClassifyTextsTest, KeepsToDevices) {
  EXPECT_EQ(ClassTexts({"!/**"}, TextDomain::kDevicePath, false), Texts{"/dev/a: 0"});
  EXPECT_EQ(ClassTexts({"!/etc/*"}, TextDomain::kDevicePath, false), Texts());
}

TEST(ClassifyTextsTest, KnowsLabelsThatAreNoPaths) {
  EXPECT_EQ(ClassTexts({"!foo*", "!*"}, TextDomain::kText, false), (Texts{"a: 1", "foo: 0,1"}));
}

TEST(ClassifyTextsTest, TellsBytesApartThatOnlyClassesName) {
  EXPECT_EQ(ClassTexts({"!/[^a-z]", "/[0-4]"}, TextDomain::kPath, false),
            (Texts{"/A: 0", "/0: 0,1"}));
}

TEST(ClassifyTextsTest, NamesThePatternsWhenItGivesUp) {
  EXPECT_EQ(ClassTexts({"/x", "!/**a????????????????????"}, TextDomain::kPath, false, 100000),
            Texts{"gave up at 1"});
}

}  // namespace
}  // namespace varmor
