#include "lib/compiler/normalise/label_selector.h"

#include <string>
#include <vector>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

LabelSelector Selector(const std::string& text) {
  LabelSelector selector;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &selector)) << text;
  return selector;
}

struct Case {
  const char* name;
  const char* selector;
  std::vector<std::pair<std::string, std::string>> labels;
  bool matches;
};

constexpr char kApp[] = R"(match_labels { key: "app" value: "web" })";
constexpr char kIn[] =
    R"(match_expressions { key: "env" operator: "In" values: "dev" values: "qa" })";
constexpr char kNotIn[] =
    R"(match_expressions { key: "env" operator: "NotIn" values: "dev" values: "qa" })";
constexpr char kExists[] = R"(match_expressions { key: "env" operator: "Exists" })";
constexpr char kAbsent[] = R"(match_expressions { key: "env" operator: "DoesNotExist" })";
constexpr char kBoth[] =
    R"(match_labels { key: "app" value: "web" }
       match_expressions { key: "env" operator: "Exists" })";

TEST(LabelSelectorTest, MatchesAsKubernetesDoes) {
  const Case cases[] = {
      {"EmptyMatchesNothingInParticular", "", {}, true},
      {"EmptyMatchesAnything", "", {{"app", "web"}}, true},
      {"LabelEqual", kApp, {{"app", "web"}, {"env", "dev"}}, true},
      {"LabelDiffers", kApp, {{"app", "db"}}, false},
      {"LabelAbsent", kApp, {{"application", "web"}}, false},
      {"LabelsAreCaseSensitive", kApp, {{"app", "Web"}}, false},
      {"InFirst", kIn, {{"env", "dev"}}, true},
      {"InLast", kIn, {{"env", "qa"}}, true},
      {"InOther", kIn, {{"env", "prod"}}, false},
      {"InAbsent", kIn, {}, false},
      {"NotInListed", kNotIn, {{"env", "qa"}}, false},
      {"NotInOther", kNotIn, {{"env", "prod"}}, true},
      {"NotInAbsent", kNotIn, {}, true},
      {"Exists", kExists, {{"env", ""}}, true},
      {"ExistsAbsent", kExists, {{"app", "web"}}, false},
      {"DoesNotExist", kAbsent, {{"env", ""}}, false},
      {"DoesNotExistAbsent", kAbsent, {{"app", "web"}}, true},
      {"AllRequirements", kBoth, {{"app", "web"}, {"env", "x"}}, true},
      {"OneRequirementMissing", kBoth, {{"app", "web"}}, false},
      {"OtherRequirementMissing", kBoth, {{"env", "x"}}, false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Labels labels;
    for (const auto& [key, value] : c.labels) labels[key] = value;
    EXPECT_EQ(SelectorMatches(Selector(c.selector), labels), c.matches);
  }
}

TEST(LabelSelectorTest, TextIsThatOfKubernetes) {
  EXPECT_EQ(SelectorText(Selector("")), "");
  EXPECT_EQ(SelectorText(Selector(kApp)), "app=web");
  EXPECT_EQ(SelectorText(Selector(kIn)), "env in (dev,qa)");
  EXPECT_EQ(SelectorText(Selector(kNotIn)), "env notin (dev,qa)");
  EXPECT_EQ(SelectorText(Selector(kExists)), "env");
  EXPECT_EQ(SelectorText(Selector(kAbsent)), "!env");
}

TEST(LabelSelectorTest, TextDoesNotDependOnTheOrderOfRequirements) {
  const std::string one = R"(match_expressions { key: "a" operator: "In" values: "y" values: "x" }
                             match_expressions { key: "b" operator: "Exists" }
                             match_labels { key: "z" value: "1" }
                             match_labels { key: "c" value: "2" })";
  const std::string other = R"(match_labels { key: "c" value: "2" }
                               match_labels { key: "z" value: "1" }
                               match_expressions { key: "b" operator: "Exists" }
                               match_expressions { key: "a" operator: "In" values: "x" values: "y" })";
  EXPECT_EQ(SelectorText(Selector(one)), "a in (x,y),b,c=2,z=1");
  EXPECT_EQ(SelectorText(Selector(other)), SelectorText(Selector(one)));
}

}  // namespace
}  // namespace varmor
