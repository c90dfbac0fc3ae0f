#include "runtime/log/logger.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

class LoggerTest : public ::testing::Test {
 protected:
  Logger Make(LoggerOptions options) {
    options.program = "varmor-test";
    return Logger(
        std::move(options), [this](const std::string& line) { lines_ += line; },
        [] { return absl::FromUnixMicros(1735689600000042); });
  }

  const std::string prefix_ = absl::StrCat("0101 00:00:00.000042 ", getpid(), " varmor-test] ");
  std::string lines_;
};

TEST_F(LoggerTest, TextIsThatOfKlog) {
  Logger logger = Make({});
  logger.Warning("it broke", {{"policy", "shop/web"}, {"error", "a \"b\"\nc"}});
  logger.Error("one\ntwo");
  EXPECT_EQ(lines_,
            absl::StrCat("W", prefix_, "it broke policy=\"shop/web\" error=\"a \\\"b\\\"\\nc\"\n",
                         "E", prefix_, "one\n    two\n"));
}

TEST_F(LoggerTest, JsonIsOneObject) {
  LoggerOptions options;
  options.json = true;
  options.common = {{"clusterID", "c-1"}};
  Logger logger = Make(options);
  logger.Warning("it\nbroke", {{"policy", "shop/web"}, {"error", "a \"b\"\nc\xff"}});
  EXPECT_EQ(lines_,
            "{\"level\":\"warn\",\"time\":\"2025-01-01T00:00:00.000042Z\",\"caller\":\"varmor-"
            "test\",\"clusterID\":\"c-1\",\"message\":\"it\\nbroke\",\"policy\":\"shop/"
            "web\",\"error\":\"a \\\"b\\\"\\nc\xEF\xBF\xBD\"}\n");
}

TEST_F(LoggerTest, DebuggingIsWrittenWhenAskedFor) {
  Make({}).Debug("no");
  LoggerOptions options;
  options.debug = true;
  Make(options).Debug("yes");
  EXPECT_EQ(lines_, absl::StrCat("I", prefix_, "yes\n"));
}

}  // namespace
}  // namespace varmor
