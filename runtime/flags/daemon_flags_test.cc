#include "runtime/flags/daemon_flags.h"

#include <cmath>
#include <string>

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

// Every flag of vArmor, each in another form and not as it is by default.
TEST(DaemonFlagsTest, TakesEveryFlag) {
  DaemonFlags values;
  GoFlags flags("varmor-test");
  AddDaemonFlags(flags, values);
  ASSERT_EQ(flags.Parse({"-agent=true",
                         "--preDelete",
                         "-enableMetrics",
                         "--enableBpfEnforcer=1",
                         "-enableBehaviorModeling",
                         "--enablePodServiceEgressControl=t",
                         "--enableServiceEgressControl",
                         "--enablePodEgressControl",
                         "-unloadAllAaProfiles",
                         "--removeAllSeccompProfiles",
                         "-bpfExclusiveMode",
                         "--restartExistWorkloads",
                         "--clientRateLimitQPS",
                         "1.5",
                         "-clientRateLimitBurst=3",
                         "--webhookTimeout",
                         "7",
                         "-webhookMatchLabel",
                         "a=b",
                         "--statusUpdateCycle=1h30m",
                         "--auditLogPaths=/a|/b",
                         "--logFormat=json",
                         "-v",
                         "2",
                         "--managerIP=10.0.0.1",
                         "-kubeconfig=/config",
                         "--version",
                         "-debug"}),
            absl::OkStatus());
  EXPECT_TRUE(values.agent && values.pre_delete && values.enable_metrics);
  EXPECT_TRUE(values.enable_bpf_enforcer && values.enable_behavior_modeling);
  EXPECT_TRUE(values.enable_pod_service_egress_control);
  EXPECT_TRUE(values.enable_service_egress_control && values.enable_pod_egress_control);
  EXPECT_TRUE(values.unload_all_aa_profiles && values.remove_all_seccomp_profiles);
  EXPECT_TRUE(values.bpf_exclusive_mode && values.restart_exist_workloads);
  EXPECT_EQ(values.client_rate_limit_qps, 1.5);
  EXPECT_EQ(values.client_rate_limit_burst, 3);
  EXPECT_EQ(values.webhook_timeout_s, 7);
  EXPECT_EQ(values.webhook_match_label, "a=b");
  EXPECT_EQ(values.status_update_cycle, absl::Minutes(90));
  EXPECT_EQ(values.audit_log_paths, "/a|/b");
  EXPECT_EQ(values.log_format, "json");
  EXPECT_EQ(values.verbosity, 2);
  EXPECT_EQ(values.manager_ip, "10.0.0.1");
  EXPECT_EQ(values.kubeconfig, "/config");
  EXPECT_TRUE(values.version && values.debug);
  ASSERT_EQ(flags.Parse({"--verbosity=4"}), absl::OkStatus());
  EXPECT_EQ(values.verbosity, 4);
}

TEST(DaemonFlagsTest, DefaultsAreThoseOfVarmor) {
  DaemonFlags values;
  EXPECT_EQ(FinishDaemonFlags(values), absl::OkStatus());
  EXPECT_FALSE(values.agent || values.pre_delete || values.enable_metrics ||
               values.enable_bpf_enforcer || values.enable_behavior_modeling ||
               values.enable_service_egress_control || values.enable_pod_egress_control ||
               values.unload_all_aa_profiles || values.remove_all_seccomp_profiles ||
               values.bpf_exclusive_mode || values.restart_exist_workloads || values.version ||
               values.debug);
  EXPECT_EQ(values.client_rate_limit_qps, 100);
  EXPECT_EQ(values.client_rate_limit_burst, 200);
  EXPECT_EQ(values.webhook_timeout_s, 10);
  EXPECT_EQ(values.webhook_match_label, "sandbox.varmor.org/enable=true");
  EXPECT_EQ(values.status_update_cycle, absl::Hours(2));
  EXPECT_EQ(values.audit_log_paths, "/var/log/audit/audit.log|/var/log/kern.log");
  EXPECT_EQ(values.log_format, "text");
  EXPECT_EQ(values.verbosity, 0);
  EXPECT_EQ(values.manager_ip, "0.0.0.0");
  EXPECT_EQ(values.kubeconfig, "");
}

TEST(DaemonFlagsTest, TellsEveryMistake) {
  DaemonFlags values;
  values.log_format = "xml";
  values.webhook_match_label = "a=b=c";
  values.webhook_timeout_s = 31;
  values.client_rate_limit_qps = -1;
  values.client_rate_limit_burst = -1;
  values.status_update_cycle = absl::ZeroDuration();
  EXPECT_EQ(FinishDaemonFlags(values).message(),
            "flag -logFormat: \"xml\" is not text or json\n"
            "flag -webhookMatchLabel: \"a=b=c\" is not KEY=VALUE, nor empty\n"
            "flag -webhookTimeout: 31 is not from 1 to 30 seconds\n"
            "flag -clientRateLimitQPS: -1 is not from 0 to 1000000\n"
            "flag -clientRateLimitBurst: -1 is not from 0 to 1000000; -clientRateLimitQPS=0 is no "
            "limit\n"
            "flag -statusUpdateCycle: 0 is not from 1s to 8760h");
}

TEST(DaemonFlagsTest, LimitsOfRequestsAndTimes) {
  DaemonFlags values;
  values.client_rate_limit_burst = 0;
  EXPECT_EQ(FinishDaemonFlags(values).message(),
            "flag -clientRateLimitBurst: 0 is not from 1 to 1000000; -clientRateLimitQPS=0 is no "
            "limit");
  values.client_rate_limit_qps = 0;
  EXPECT_EQ(FinishDaemonFlags(values), absl::OkStatus());
  values.client_rate_limit_burst = 4294967297;  // 1, as an int
  EXPECT_FALSE(FinishDaemonFlags(values).ok());
  values = DaemonFlags();
  values.client_rate_limit_qps = std::nan("");
  EXPECT_FALSE(FinishDaemonFlags(values).ok());
  for (const absl::Duration wrong : {absl::Nanoseconds(1), absl::InfiniteDuration()}) {
    values = DaemonFlags();
    values.status_update_cycle = wrong;
    EXPECT_FALSE(FinishDaemonFlags(values).ok()) << wrong;
  }
}

TEST(DaemonFlagsTest, LabelsAsTheServerTakesThem) {
  DaemonFlags values;
  for (const char* label : {"a=b", "a=", "example.com/A_b.c-d=1.2", ""}) {
    values.webhook_match_label = label;
    EXPECT_EQ(FinishDaemonFlags(values), absl::OkStatus()) << label;
  }
  for (const std::string label : {"a", "=b", "a b=c", "-a=b", "Example.com/a=b", "a/b/c=d", "/a=b",
                                  "a/=b", "a=b c", "a=-b", "a..b/c=d"}) {
    values.webhook_match_label = label;
    EXPECT_FALSE(FinishDaemonFlags(values).ok()) << label;
  }
  values.webhook_match_label = "a=" + std::string(64, 'b');
  EXPECT_FALSE(FinishDaemonFlags(values).ok());
}

}  // namespace
}  // namespace varmor
