#include "lib/compiler/catalogue/parse_rules.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

const EmbeddedFile kBase = {kRuntimeDefaultFile, "rules { id: \"base\" }\n"};

std::string ErrorOf(const std::vector<EmbeddedFile>& files) {
  BuiltinRules rules;
  BuiltinRule base;
  return std::string(ParseRuleFiles(files, rules, base).message());
}

TEST(ParseRulesTest, JoinsFilesInOrderAndKeepsTheRuntimeDefaultApart) {
  BuiltinRules rules;
  BuiltinRule base;
  const absl::Status status = ParseRuleFiles({{"b.textproto", "rules { id: \"one\" }\n"},
                                              kBase,
                                              {"a.textproto", "rules { id: \"two\" }\n"}},
                                             rules, base);
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(rules.rules_size(), 2);
  EXPECT_EQ(rules.rules(0).id(), "one");
  EXPECT_EQ(rules.rules(1).id(), "two");
  EXPECT_EQ(base.id(), "base");
}

TEST(ParseRulesTest, NamesThePlaceOfAMistake) {
  EXPECT_EQ(ErrorOf({{"x.textproto", "rules {\n  idd: \"one\"\n}\n"}, kBase}),
            "x.textproto:2:6: Message type \"varmor.BuiltinRule\" has no field named \"idd\".");
  EXPECT_EQ(ErrorOf({{"x.textproto", "rules { category: SOFTENING }\n"}, kBase}),
            "x.textproto:1:29: Unknown enumeration value of \"SOFTENING\" for field "
            "\"category\".");
  EXPECT_EQ(ErrorOf({{"x.textproto", "rules { id: \"one\" id: \"two\" }\n"}, kBase}),
            "x.textproto:1:21: Non-repeated field \"id\" is specified multiple times.");
}

TEST(ParseRulesTest, NeedsExactlyOneRuntimeDefault) {
  EXPECT_EQ(ErrorOf({}), "runtime_default.textproto: needs exactly one rule, has 0");
  EXPECT_EQ(ErrorOf({kBase, kBase}), "runtime_default.textproto: needs exactly one rule, has 2");
}

TEST(EmbeddedRulesTest, FilesAreDistinctAndNotEmpty) {
  std::set<absl::string_view> names;
  const std::vector<EmbeddedFile> files = EmbeddedRuleFiles();
  for (const EmbeddedFile& file : files) {
    EXPECT_TRUE(names.insert(file.name).second) << file.name;
    EXPECT_EQ(file.text.substr(0, 2), "# ") << file.name;
    EXPECT_EQ(file.text.back(), '\n') << file.name;
  }
  EXPECT_EQ(names.count(kRuntimeDefaultFile), 1u);
}

}  // namespace
}  // namespace varmor
