#include "lib/compiler/apparmor/testing/rule_table.h"

#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace varmor {

std::vector<RuleRow> ReadRuleTable(const std::string& name) {
  std::vector<RuleRow> rows;
  std::ifstream file(absl::StrCat("lib/compiler/apparmor/testdata/", name));
  for (std::string line; std::getline(file, line);) {
    const size_t tab = line.find('\t');
    if (tab == std::string::npos) continue;  // the file's own comments
    RuleRow row;
    if (!absl::CUnescape(line.substr(0, tab), &row.rule) ||
        !absl::CUnescape(line.substr(tab + 1), &row.expected)) {
      return {};
    }
    if (row.expected == "=") row.expected = row.rule;
    if (row.expected == "(nothing)") row.expected.clear();
    rows.push_back(row);
  }
  return rows;
}

}  // namespace varmor
