#include "tools/attack/report.h"

#include "gtest/gtest.h"

namespace varmor {
namespace {

MatrixRow Row(const char* enforcer, bool denied, MatrixRow::Result result, const char* reason) {
  MatrixRow row;
  row.rule = "disable-shell";
  row.enforcer = enforcer;
  row.event = "exec /bin/sh";
  row.denied = denied;
  row.without = "ok";
  row.with = denied ? "errno 1" : "ok";
  row.result = result;
  row.reason = reason;
  return row;
}

TEST(ReportTest, TotalsCountEveryRowOnce) {
  EXPECT_EQ(MatrixTotals({}), "0 passed, 0 failed, 0 not proven");
  EXPECT_EQ(MatrixTotals({Row("BPF", true, MatrixRow::Result::kPassed, ""),
                          Row("BPF", true, MatrixRow::Result::kFailed, "refused"),
                          Row("BPF", false, MatrixRow::Result::kHole, "no disk")}),
            "1 passed, 1 failed, 1 not proven");
}

TEST(ReportTest, ThePageHasARowForEachRuleAndEveryHoleWithItsReason) {
  MatrixReport report;
  report.machine = "Linux 6.1";
  report.missing = {"AppArmor was not tried: no"};
  report.enforced = {Row("BPF", true, MatrixRow::Result::kPassed, ""),
                     Row("BPF", false, MatrixRow::Result::kPassed, ""),
                     Row("AppArmor", true, MatrixRow::Result::kHole, "a|b")};
  const std::string page = MatrixPage(report);
  EXPECT_NE(page.find("\n* AppArmor was not tried: no\n"), std::string::npos) << page;
  EXPECT_NE(page.find("\n2 passed, 0 failed, 1 not proven.\n"), std::string::npos) << page;
  EXPECT_NE(page.find("\n| disable-shell | 0 refused, 0 allowed, 1 not proven | 1 refused, 1 "
                      "allowed |  |\n"),
            std::string::npos)
      << page;
  EXPECT_NE(page.find("\n| disable-shell | AppArmor | exec /bin/sh |  | ok | errno 1 | a\\|b |\n"),
            std::string::npos)
      << page;
  EXPECT_EQ(page.find("Failed:"), std::string::npos) << page;
}

}  // namespace
}  // namespace varmor
