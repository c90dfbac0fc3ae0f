#include "runtime/agent/agent_flags.h"

#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

absl::Status Read(const std::vector<std::string>& words, AgentFlags& flags,
                  const std::map<std::string, std::string>& environment = {}) {
  std::string usage;
  return ReadAgentFlags(
      words,
      [&](const char* name) -> const char* {
        const auto found = environment.find(name);
        return found == environment.end() ? nullptr : found->second.c_str();
      },
      flags, usage);
}

const std::map<std::string, std::string> kInPod = {{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}};

TEST(AgentFlagsTest, OutsideOfPods) {
  AgentFlags flags;
  EXPECT_THAT(std::string(Read({"--agent"}, flags).message()),
              HasSubstr("neither alone nor in a cluster"));
  AgentFlags version;
  EXPECT_EQ(Read({"--version"}, version), absl::OkStatus());
  AgentFlags debugging;
  ASSERT_EQ(Read({"--agent", "--kubeconfig=/k", "--managerIP=127.0.0.1"}, debugging),
            absl::OkStatus());
  EXPECT_EQ(debugging.manager_url, "https://127.0.0.1:8080");
  AgentFlags both;
  EXPECT_FALSE(Read({"--policy-dir=/p", "--kubeconfig=/k"}, both).ok());
}

TEST(AgentFlagsTest, Alone) {
  AgentFlags flags;
  ASSERT_EQ(Read({"--policy-dir", "/etc/varmor/policies"}, flags), absl::OkStatus());
  EXPECT_TRUE(flags.Alone());
  EXPECT_TRUE(flags.UsesEnforcer("AppArmor"));
  EXPECT_TRUE(flags.UsesEnforcer("BPF"));
  EXPECT_EQ(flags.seccomp_directory, "/var/lib/varmor/seccomp-profiles");
  EXPECT_EQ(flags.violation_log, "-");
  EXPECT_EQ(flags.listen_address, "127.0.0.1");
  EXPECT_EQ(flags.runtime_namespaces, "");
  EXPECT_NE(flags.node_name, "");
}

TEST(AgentFlagsTest, InTheCluster) {
  AgentFlags flags;
  ASSERT_EQ(Read({"--agent", "--enableMetrics", "--logFormat=json"}, flags,
                 {{"KUBERNETES_SERVICE_HOST", "10.0.0.1"},
                  {"POD_NAMESPACE", "security"},
                  {"NODE_NAME", "node-7"},
                  {"READINESS_PORT", "6080"},
                  {"AUDIT_EVENT_METADATA", R"({"clusterID":"c-1"})"}}),
            absl::OkStatus());
  EXPECT_FALSE(flags.Alone());
  EXPECT_FALSE(flags.UsesEnforcer("BPF"));
  EXPECT_TRUE(flags.UsesEnforcer("Seccomp"));
  EXPECT_EQ(flags.seccomp_directory, "/var/lib/kubelet/seccomp");
  EXPECT_EQ(flags.violation_log, "/var/log/varmor/violations.log");
  EXPECT_EQ(flags.runtime_namespaces, "k8s.io");
  EXPECT_EQ(flags.manager_url, "https://varmor-status-svc.security:8080");
  EXPECT_EQ(flags.readiness_port, 6080);
  EXPECT_EQ(flags.node_name, "node-7");
  EXPECT_EQ(flags.metadata["clusterID"], "c-1");
  AgentFlags with_bpf;
  ASSERT_EQ(Read({"--agent", "--enableBpfEnforcer"}, with_bpf, kInPod), absl::OkStatus());
  EXPECT_TRUE(with_bpf.UsesEnforcer("BPF"));
}

TEST(AgentFlagsTest, SomeEnforcers) {
  AgentFlags flags;
  ASSERT_EQ(Read({"--policy-dir=/p", "--enforcers=bpf,seccomp"}, flags), absl::OkStatus());
  EXPECT_FALSE(flags.UsesEnforcer("AppArmor"));
  EXPECT_TRUE(flags.UsesEnforcer("BPF"));
}

TEST(AgentFlagsTest, WhatIsNotBuiltIsSaid) {
  AgentFlags flags;
  ASSERT_EQ(Read({"--agent", "--enableBehaviorModeling", "--auditLogPaths=/x"}, flags, kInPod),
            absl::OkStatus());
  EXPECT_THAT(flags.notes, SizeIs(2));
}

TEST(AgentFlagsTest, TellsEveryMistake) {
  AgentFlags flags;
  const absl::Status status =
      Read({"--failMode=maybe", "--violationFormat=v1", "--enforcers=bpf,selinux",
            "--metricsPort=99999", "--checkInterval=1ms", "--logFormat=xml", "--nosuch", "stray"},
           flags, {{"READINESS_PORT", "80"}, {"AUDIT_EVENT_METADATA", "[]"}});
  const std::string message(status.message());
  for (const char* part : {"-failMode: \"maybe\"", "-violationFormat: \"v1\"",
                           "-enforcers: \"selinux\"", "-metricsPort: 99999", "-checkInterval",
                           "-logFormat: \"xml\"", "unknown flag -nosuch", "\"stray\" is no flag",
                           "READINESS_PORT=\"80\"", "AUDIT_EVENT_METADATA is no JSON object"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
}

}  // namespace
}  // namespace varmor
