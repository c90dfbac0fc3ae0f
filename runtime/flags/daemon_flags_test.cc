#include "runtime/flags/daemon_flags.h"

#include "gtest/gtest.h"

namespace varmor {
namespace {

// The arguments that vArmor's chart passes with everything enabled.
TEST(DaemonFlagsTest, TakesTheArgumentsOfTheChart) {
  DaemonFlags values;
  GoFlags flags("varmor-test");
  AddDaemonFlags(flags, values);
  ASSERT_EQ(
      flags.Parse({"--agent", "--enableMetrics", "--enableBpfEnforcer", "--enableBehaviorModeling",
                   "--unloadAllAaProfiles", "--removeAllSeccompProfiles", "--bpfExclusiveMode",
                   "--restartExistWorkloads", "--enablePodServiceEgressControl",
                   "--webhookMatchLabel=", "--statusUpdateCycle=30m", "--logFormat=json", "-v=2"}),
      absl::OkStatus());
  ASSERT_EQ(FinishDaemonFlags(values), absl::OkStatus());
  EXPECT_TRUE(values.agent);
  EXPECT_TRUE(values.enable_bpf_enforcer);
  EXPECT_TRUE(values.enable_pod_egress_control);
  EXPECT_TRUE(values.enable_service_egress_control);
  EXPECT_EQ(values.webhook_match_label, "");
  EXPECT_EQ(values.status_update_cycle, absl::Minutes(30));
  EXPECT_EQ(values.verbosity, 2);
}

TEST(DaemonFlagsTest, DefaultsAreFine) {
  DaemonFlags values;
  EXPECT_EQ(FinishDaemonFlags(values), absl::OkStatus());
  EXPECT_FALSE(values.enable_service_egress_control);
}

TEST(DaemonFlagsTest, TellsEveryMistake) {
  DaemonFlags values;
  values.log_format = "xml";
  values.webhook_match_label = "a=b=c";
  values.webhook_timeout_s = 31;
  values.client_rate_limit_burst = -1;
  values.status_update_cycle = absl::ZeroDuration();
  EXPECT_EQ(FinishDaemonFlags(values).message(),
            "flag -logFormat: \"xml\" is not text or json\n"
            "flag -webhookMatchLabel: \"a=b=c\" is not KEY=VALUE, nor empty\n"
            "flag -webhookTimeout: 31 is not from 1 to 30 seconds\n"
            "flags -clientRateLimitQPS and -clientRateLimitBurst cannot be negative\n"
            "flag -statusUpdateCycle has to be longer than nothing");
}

}  // namespace
}  // namespace varmor
