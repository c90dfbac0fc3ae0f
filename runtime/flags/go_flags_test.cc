#include "runtime/flags/go_flags.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Values {
  bool metrics = false;
  bool webhook = true;
  int64_t level = 0;
  double qps = 100;
  std::string format = "text";
  std::vector<std::string> sockets;
  absl::Duration cycle = absl::Hours(2);
};

struct Parsed : Values {
  GoFlags flags{"varmor-test"};
  absl::Status status;

  explicit Parsed(const std::vector<std::string>& words) {
    flags.Bool("enableMetrics", "serve metrics", metrics);
    flags.Bool("webhook", "serve the webhook", webhook);
    flags.Int("v", "log level", level);
    flags.Float("qps", "requests a second", qps);
    flags.String("logFormat", "text or json", format);
    flags.Strings("socket", "a socket", sockets);
    flags.Duration("statusUpdateCycle", "between two resyncs", cycle);
    status = flags.Parse(words);
  }
};

TEST(GoFlagsTest, TakesEveryForm) {
  const Parsed parsed({"-enableMetrics", "--webhook=false", "-v=2", "--qps", "12.5",
                       "--logFormat=json", "-socket", "/a", "-socket=/b", "-statusUpdateCycle",
                       "1h30m", "rest", "-v=9"});
  ASSERT_EQ(parsed.status, absl::OkStatus());
  EXPECT_TRUE(parsed.metrics);
  EXPECT_FALSE(parsed.webhook);
  EXPECT_EQ(parsed.level, 2);
  EXPECT_EQ(parsed.qps, 12.5);
  EXPECT_EQ(parsed.format, "json");
  EXPECT_THAT(parsed.sockets, ElementsAre("/a", "/b"));
  EXPECT_EQ(parsed.cycle, absl::Minutes(90));
  EXPECT_THAT(parsed.flags.operands(), ElementsAre("rest", "-v=9"));
  EXPECT_TRUE(parsed.flags.given("v"));
  EXPECT_FALSE(parsed.flags.given("h"));
}

TEST(GoFlagsTest, KeepsDefaults) {
  const Parsed parsed({});
  ASSERT_EQ(parsed.status, absl::OkStatus());
  EXPECT_FALSE(parsed.metrics);
  EXPECT_TRUE(parsed.webhook);
  EXPECT_EQ(parsed.cycle, absl::Hours(2));
  EXPECT_FALSE(parsed.flags.given("v"));
}

// As in Go, the word after a boolean flag is not its value.
TEST(GoFlagsTest, BooleansTakeAValueOnlyAfterEquals) {
  const Parsed parsed({"--enableMetrics", "false", "-v=3"});
  ASSERT_EQ(parsed.status, absl::OkStatus());
  EXPECT_TRUE(parsed.metrics);
  EXPECT_EQ(parsed.level, 0);
  EXPECT_THAT(parsed.flags.operands(), ElementsAre("false", "-v=3"));
}

TEST(GoFlagsTest, ReadsNumbersAndDurationsAsGoDoes) {
  EXPECT_EQ(Parsed({"-v=0x10"}).level, 16);
  EXPECT_EQ(Parsed({"-v=-0b11"}).level, -3);
  EXPECT_EQ(Parsed({"-v=010"}).level, 8);
  EXPECT_EQ(Parsed({"-v=0"}).level, 0);
  EXPECT_EQ(Parsed({"-statusUpdateCycle=5\u00b5s"}).cycle, absl::Microseconds(5));
  EXPECT_EQ(Parsed({"-enableMetrics=T"}).metrics, true);
}

TEST(GoFlagsTest, StopsAtTwoDashesAndOneDash) {
  EXPECT_THAT(Parsed({"--", "-v=1"}).flags.operands(), ElementsAre("-v=1"));
  EXPECT_THAT(Parsed({"-", "-v=1"}).flags.operands(), ElementsAre("-", "-v=1"));
}

TEST(GoFlagsTest, TellsEveryMistake) {
  const Parsed parsed({"--enableMetric", "-v=high", "-webhook=maybe", "--=x",
                       "-statusUpdateCycle=2", "-qps=fast", "-logFormat"});
  EXPECT_EQ(parsed.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(parsed.status.message(),
            "unknown flag -enableMetric; did you mean -enableMetrics?\n"
            "flag -v: \"high\" is not a whole number\n"
            "flag -webhook: \"maybe\" is not true or false\n"
            "\"--=x\" is no flag\n"
            "flag -statusUpdateCycle: \"2\" is not a duration such as 90s, 5m or 2h\n"
            "flag -qps: \"fast\" is not a number\n"
            "flag -logFormat needs a value");
}

TEST(GoFlagsTest, HelpListsEveryFlag) {
  const Parsed parsed({"-v=1", "--help"});
  EXPECT_EQ(parsed.status.code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(parsed.flags.Usage(), HasSubstr("  -statusUpdateCycle (duration, default 2h)\n"));
}

}  // namespace
}  // namespace varmor
