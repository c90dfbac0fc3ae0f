#include "lib/compiler/apparmor/apparmor_fuzz.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "gtest/gtest.h"
#include "lib/compiler/apparmor/testing/rule_table.h"

namespace varmor {
namespace {

TEST(AppArmorFuzzTest, HoldsForTheCorpus) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator("lib/compiler/apparmor/corpus")) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    EXPECT_EQ(CheckAppArmorText(text), "") << entry.path();
    ++files;
  }
  EXPECT_GT(files, 5);
}

TEST(AppArmorFuzzTest, HoldsForTheTables) {
  for (const char* table : {"accepted.table", "refused.table", "stricter.table"}) {
    for (const RuleRow& row : ReadRuleTable(table)) {
      EXPECT_EQ(CheckAppArmorText(row.rule), "") << row.rule;
      EXPECT_EQ(CheckAppArmorText("profile p {\n" + row.rule + "\n}"), "") << row.rule;
    }
  }
}

}  // namespace
}  // namespace varmor
