#include "runtime/log/logger.h"

#include "gtest/gtest.h"

namespace varmor {
namespace {

std::string Line(bool json) {
  std::string lines;
  Logger logger(
      json, [&](const std::string& line) { lines += line; },
      [] { return absl::FromUnixMicros(1735689600000042); });
  logger.Warning("it broke", {{"policy", "shop/web"}, {"error", "a \"b\"\nc"}});
  return lines;
}

TEST(LoggerTest, TextIsOneLine) {
  EXPECT_EQ(Line(false),
            "W0101 00:00:00.000042 it broke policy=\"shop/web\" error=\"a \\\"b\\\"\\nc\"\n");
}

TEST(LoggerTest, JsonIsOneObject) {
  EXPECT_EQ(Line(true),
            "{\"level\":\"warning\",\"time\":\"2025-01-01T00:00:00.000042Z\",\"message\":\"it "
            "broke\",\"policy\":\"shop/web\",\"error\":\"a \\\"b\\\"\\nc\"}\n");
}

}  // namespace
}  // namespace varmor
