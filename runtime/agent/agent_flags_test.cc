#include "runtime/agent/agent_flags.h"

#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
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

TEST(AgentFlagsTest, NriIsAboutTheNamespaceOfKubernetes) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"--policy-dir=/p"}, "/var/run/nri/nri.sock"},
      {{"--policy-dir=/p", "--runtimeNamespaces=moby,k8s.io"}, "/var/run/nri/nri.sock"},
      {{"--policy-dir=/p", "--runtimeNamespaces=moby"}, ""},
      {{"--policy-dir=/p", "--nriSocket="}, ""},
      {{"--policy-dir=/p", "--nriSocket=/run/n.sock"}, "/run/n.sock"},
  };
  for (const auto& [words, socket] : cases) {
    AgentFlags flags;
    ASSERT_EQ(Read(words, flags), absl::OkStatus());
    EXPECT_EQ(flags.nri_socket, socket);
  }
  AgentFlags in_cluster;
  ASSERT_EQ(Read({"--agent"}, in_cluster, kInPod), absl::OkStatus());
  EXPECT_EQ(in_cluster.nri_socket, "/var/run/nri/nri.sock");
}

TEST(AgentFlagsTest, SomeEnforcers) {
  AgentFlags flags;
  ASSERT_EQ(Read({"--policy-dir=/p", "--enforcers=bpf,seccomp"}, flags), absl::OkStatus());
  EXPECT_FALSE(flags.UsesEnforcer("AppArmor"));
  EXPECT_TRUE(flags.UsesEnforcer("BPF"));
}

// What the agent does with each flag that vArmor's installations may pass.
enum class Use {
  kHonoured,  // `taken` shows it
  kManagers,  // passed over: it has a meaning for the manager alone
  kNoted,     // accepted, and told that it has no effect
  kRefused,   // it would make this another program
};
struct FlagCase {
  const char* name;
  const char* value;
  Use use;
  bool (*taken)(const AgentFlags& flags) = nullptr;
};

const FlagCase kContract[] = {
    {"agent", "true", Use::kHonoured, [](const AgentFlags& f) { return f.daemon.agent; }},
    {"agent", "false", Use::kRefused},
    {"preDelete", "true", Use::kRefused},
    {"enableMetrics", "true", Use::kHonoured,
     [](const AgentFlags& f) { return f.daemon.enable_metrics; }},
    {"enableBpfEnforcer", "true", Use::kHonoured,
     [](const AgentFlags& f) { return f.UsesEnforcer("BPF"); }},
    {"enableBehaviorModeling", "true", Use::kNoted},
    {"enablePodServiceEgressControl", "true", Use::kManagers},
    {"enableServiceEgressControl", "true", Use::kManagers},
    {"enablePodEgressControl", "true", Use::kManagers},
    {"unloadAllAaProfiles", "true", Use::kHonoured,
     [](const AgentFlags& f) { return f.daemon.unload_all_aa_profiles; }},
    {"removeAllSeccompProfiles", "true", Use::kHonoured,
     [](const AgentFlags& f) { return f.daemon.remove_all_seccomp_profiles; }},
    {"bpfExclusiveMode", "true", Use::kManagers},
    {"restartExistWorkloads", "true", Use::kManagers},
    {"clientRateLimitQPS", "7.5", Use::kHonoured,
     [](const AgentFlags& f) { return f.daemon.client_rate_limit_qps == 7.5; }},
    {"clientRateLimitBurst", "9", Use::kHonoured,
     [](const AgentFlags& f) { return f.daemon.client_rate_limit_burst == 9; }},
    {"webhookTimeout", "5", Use::kManagers},
    {"webhookMatchLabel", "a=b", Use::kManagers},
    {"statusUpdateCycle", "1h", Use::kManagers},
    {"auditLogPaths", "/x|/y", Use::kHonoured,
     [](const AgentFlags& f) { return f.daemon.audit_log_paths == "/x|/y"; }},
    {"logFormat", "json", Use::kHonoured,
     [](const AgentFlags& f) { return f.daemon.log_format == "json"; }},
    {"v", "2", Use::kHonoured, [](const AgentFlags& f) { return f.daemon.verbosity == 2; }},
    {"verbosity", "2", Use::kHonoured, [](const AgentFlags& f) { return f.daemon.verbosity == 2; }},
    {"managerIP", "10.9.8.7", Use::kHonoured,
     [](const AgentFlags& f) { return f.manager_url == "https://10.9.8.7:8080"; }},
    {"kubeconfig", "/k2", Use::kHonoured,
     [](const AgentFlags& f) { return f.daemon.kubeconfig == "/k2"; }},
    {"version", "true", Use::kHonoured, [](const AgentFlags& f) { return f.daemon.version; }},
    {"debug", "true", Use::kHonoured, [](const AgentFlags& f) { return f.daemon.debug; }},
};

TEST(AgentFlagsTest, EveryFlagOfTheContractIsHonouredOrAnswered) {
  for (const FlagCase& one : kContract) {
    SCOPED_TRACE(absl::StrCat("--", one.name, "=", one.value));
    AgentFlags before;
    ASSERT_EQ(Read({"--kubeconfig=/k"}, before), absl::OkStatus());
    AgentFlags flags;
    const absl::Status read =
        Read({"--kubeconfig=/k", absl::StrCat("--", one.name, "=", one.value)}, flags);
    EXPECT_EQ(read.ok(), one.use != Use::kRefused) << read;
    EXPECT_THAT(std::string(read.message()),
                HasSubstr(one.use == Use::kRefused ? absl::StrCat("flag -", one.name) : ""));
    EXPECT_THAT(flags.notes, SizeIs(one.use == Use::kNoted ? 1 : 0));
    ASSERT_EQ(one.taken != nullptr, one.use == Use::kHonoured);
    if (one.taken == nullptr) continue;
    EXPECT_FALSE(one.taken(before));
    EXPECT_TRUE(one.taken(flags));
  }
}

// The flags that only our agent has. A new one stands here or in the contract's table.
TEST(AgentFlagsTest, ThereAreNoOtherFlags) {
  std::set<std::string> known = {
      "policy-dir",    "enforcers",        "failMode",   "lenient",           "unloadBpf",
      "stateDir",      "runtimeSocket",    "seccompDir", "runtimeNamespaces", "cgroupMount",
      "bpfDir",        "violationLog",     "socket",     "violationFormat",   "listenAddress",
      "metricsPort",   "readinessPort",    "managerURL", "tokenFile",         "managerCA",
      "checkInterval", "installNamespace", "nriSocket"};
  for (const FlagCase& one : kContract) known.insert(one.name);
  AgentFlags flags;
  std::string usage;
  ReadAgentFlags(
      {"-help"}, [](const char*) -> const char* { return nullptr; }, flags, usage)
      .IgnoreError();
  std::set<std::string> there;
  for (const absl::string_view line : absl::StrSplit(usage, '\n')) {
    if (!absl::StartsWith(line, "  -")) continue;
    there.insert(std::string(line.substr(3, line.find(' ', 3) - 3)));
  }
  EXPECT_EQ(there, known);
}

TEST(AgentFlagsTest, TheSyntaxIsGos) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"-kubeconfig", "/k", "-logFormat=json"},
           {"--kubeconfig=/k", "--logFormat", "json"},
           {"--kubeconfig", "/k", "--enableMetrics=false", "-logFormat", "json"}}) {
    AgentFlags flags;
    EXPECT_EQ(Read(words, flags), absl::OkStatus());
    EXPECT_EQ(flags.daemon.kubeconfig, "/k");
    EXPECT_EQ(flags.daemon.log_format, "json");
    EXPECT_FALSE(flags.daemon.enable_metrics);
  }
}

TEST(AgentFlagsTest, TellsEveryMistake) {
  AgentFlags flags;
  const absl::Status status =
      Read({"--failMode=maybe", "--violationFormat=v1", "--enforcers=bpf,selinux",
            "--metricsPort=99999", "--checkInterval=inf", "--logFormat=xml", "--nosuch", "stray"},
           flags, {{"READINESS_PORT", "80"}, {"AUDIT_EVENT_METADATA", "[]"}});
  const std::string message(status.message());
  for (const char* part : {"-failMode: \"maybe\"", "-violationFormat: \"v1\"",
                           "-enforcers: \"selinux\"", "-metricsPort: 99999", "-checkInterval: inf",
                           "-logFormat: \"xml\"", "unknown flag -nosuch", "\"stray\" is no flag",
                           "READINESS_PORT=\"80\"", "AUDIT_EVENT_METADATA is no JSON object"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
}

}  // namespace
}  // namespace varmor
