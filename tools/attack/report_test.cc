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
  report.limits = {"BPF: user namespaces: needs Linux 6.1"};
  report.enforced = {Row("BPF", true, MatrixRow::Result::kPassed, ""),
                     Row("BPF", false, MatrixRow::Result::kPassed, ""),
                     Row("AppArmor", true, MatrixRow::Result::kHole, "a|b")};
  const std::string page = MatrixPage(report);
  EXPECT_NE(page.find("\n* AppArmor was not tried: no\n"), std::string::npos) << page;
  EXPECT_NE(page.find("\n* BPF: user namespaces: needs Linux 6.1\n"), std::string::npos) << page;
  EXPECT_NE(page.find("\nAll in all: 2 passed, 0 failed, 1 not proven.\n"), std::string::npos)
      << page;
  EXPECT_NE(page.find("\n2 passed, 0 failed, 1 not proven.\n"), std::string::npos) << page;
  EXPECT_NE(page.find("\n| disable-shell | 0 refused, 0 allowed, 1 not proven | 1 refused, 1 "
                      "allowed |  |\n"),
            std::string::npos)
      << page;
  EXPECT_NE(
      page.find("\n| AppArmor |  | ok | errno 1 | a\\|b | 1 | disable-shell: exec /bin/sh |\n"),
      std::string::npos)
      << page;
  EXPECT_EQ(page.find("Failed:"), std::string::npos) << page;
}

TEST(ReportTest, HolesThatAreTheSameAreOneLine) {
  MatrixReport report;
  report.enforced = {Row("AppArmor", true, MatrixRow::Result::kHole, "why"),
                     Row("AppArmor", true, MatrixRow::Result::kHole, "why"),
                     Row("AppArmor", true, MatrixRow::Result::kHole, "another reason")};
  report.enforced[1].event = "exec /bin/bash";
  const std::string page = MatrixPage(report);
  EXPECT_NE(page.find("| why | 2 | disable-shell: exec /bin/sh, exec /bin/bash |\n"),
            std::string::npos)
      << page;
  EXPECT_NE(page.find("| another reason | 1 |"), std::string::npos) << page;
}

}  // namespace
}  // namespace varmor
