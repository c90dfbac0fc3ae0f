// Tables of rules in testdata/: one row per line, escapes as in C.
#ifndef LIB_COMPILER_APPARMOR_TESTING_RULE_TABLE_H_
#define LIB_COMPILER_APPARMOR_TESTING_RULE_TABLE_H_

#include <string>
#include <vector>

namespace varmor {

struct RuleRow {
  std::string rule;
  // The column behind the tab: how the rule is printed, or the code of the first diagnostic.
  std::string expected;
};

// `name` below lib/compiler/apparmor/testdata. Empty if it cannot be read.
std::vector<RuleRow> ReadRuleTable(const std::string& name);

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_TESTING_RULE_TABLE_H_
