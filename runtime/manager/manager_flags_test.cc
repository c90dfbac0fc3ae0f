#include "runtime/manager/manager_flags.h"

#include <fstream>
#include <map>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::HasSubstr;

absl::Status Read(const std::vector<std::string>& words, ManagerFlags& flags,
                  std::map<std::string, std::string> variables = {{"POD_NAME", "manager-0"}}) {
  std::string usage;
  return ReadManagerFlags(
      words,
      [&variables](const char* name) -> const char* {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
      },
      flags, usage);
}

TEST(ManagerFlagsTest, TakesFlagsAndEnvironment) {
  ManagerFlags flags;
  ASSERT_EQ(Read({"--lenient", "-clusterPoliciesOptOut=false", "--webhookFailurePolicy=Fail",
                  "--policyFailurePolicy", "Ignore", "--settleTime=0s", "--retireTimeout=1h",
                  "--serviceAccountDirectory=/none"},
                 flags,
                 {{"POD_NAME", "a"},
                  {"HOSTNAME", "b"},
                  {"POD_NAMESPACE", "n"},
                  {"KUBERNETES_SERVICE_HOST", "10.0.0.1"},
                  {"KUBERNETES_SERVICE_PORT", "443"},
                  {"WEBHOOK_SERVICE_PORT", "1025"},
                  {"STATUS_SERVICE_PORT", "65535"},
                  {"METRICS_SERVICE_PORT", ""}}),
            absl::OkStatus());
  EXPECT_TRUE(flags.lenient && !flags.cluster_policies_opt_out && flags.InCluster());
  EXPECT_EQ(flags.mutating_failure_policy, "Fail");
  EXPECT_EQ(flags.validating_failure_policy, "Ignore");
  EXPECT_EQ(flags.settle_time, absl::ZeroDuration());
  EXPECT_EQ(flags.retire_timeout, absl::Hours(1));
  EXPECT_EQ(flags.service_account_directory, "/none");
  EXPECT_EQ(flags.pod_name, "a");
  EXPECT_EQ(flags.name_space, "n");
  EXPECT_EQ(flags.api_host, "10.0.0.1");
  EXPECT_EQ(flags.api_port, "443");
  EXPECT_EQ(flags.webhook_port, 1025);
  EXPECT_EQ(flags.status_port, 65535);
  EXPECT_EQ(flags.metrics_port, 8081);
}

TEST(ManagerFlagsTest, HostNameIsThePodsName) {
  ManagerFlags flags;
  EXPECT_EQ(Read({}, flags, {{"HOSTNAME", "b"}}), absl::OkStatus());
  EXPECT_EQ(flags.pod_name, "b");
}

TEST(ManagerFlagsTest, TellsEveryMistake) {
  ManagerFlags flags;
  EXPECT_EQ(
      Read(
          {"--lenien", "--logFormat=xml", "--webhookFailurePolicy=Maybe", "--policyFailurePolicy=q",
           "--settleTime=-5m", "--retireTimeout=inf", "--agent", "--preDelete", "word"},
          flags,
          {{"WEBHOOK_SERVICE_PORT", "443"},
           {"STATUS_SERVICE_PORT", "x"},
           {"METRICS_SERVICE_PORT", "65536"}})
          .message(),
      "unknown flag -lenien; did you mean -lenient?\n"
      "flag -logFormat: \"xml\" is not text or json\n"
      "set POD_NAME: the election needs a name for this replica\n"
      "WEBHOOK_SERVICE_PORT=\"443\" is no port from 1025 to 65535\n"
      "STATUS_SERVICE_PORT=\"x\" is no port from 1025 to 65535\n"
      "METRICS_SERVICE_PORT=\"65536\" is no port from 1025 to 65535\n"
      "\"word\" is no flag; write -NAME=VALUE\n"
      "flag -webhookFailurePolicy: \"Maybe\" is not Ignore or Fail\n"
      "flag -policyFailurePolicy: \"q\" is not Ignore or Fail\n"
      "flag -settleTime: -5m is not from 0 to 8760h\n"
      "flag -retireTimeout: inf is not from 0 to 8760h\n"
      "flag -agent: the agent is a program of its own, varmor-agent\n"
      "flag -preDelete: delete the policies with kubectl before the manager (docs/operations.md)");
}

TEST(ManagerFlagsTest, KubeconfigIsForOutside) {
  ManagerFlags flags;
  EXPECT_EQ(Read({"--kubeconfig=/k", "--serviceAccountDirectory=/none"}, flags), absl::OkStatus());
  EXPECT_FALSE(flags.InCluster());
  std::ofstream(absl::StrCat(testing::TempDir(), "/token")) << "t";
  EXPECT_THAT(std::string(Read({"--kubeconfig=/k",
                                absl::StrCat("--serviceAccountDirectory=", testing::TempDir())},
                               flags)
                              .message()),
              HasSubstr("this is a pod"));
}

TEST(ManagerFlagsTest, HelpAndVersionNeedNothingElse) {
  ManagerFlags flags;
  EXPECT_EQ(Read({"--help"}, flags, {}).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Read({"--version"}, flags, {}), absl::OkStatus());
  EXPECT_TRUE(flags.daemon.version);
}

}  // namespace
}  // namespace varmor
