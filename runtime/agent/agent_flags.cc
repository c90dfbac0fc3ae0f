#include "runtime/agent/agent_flags.h"

#include <unistd.h>

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/enforcers/files.h"
#include "runtime/agent/violation_line.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

using Environment = std::function<const char*(const char*)>;

void AddFlags(GoFlags& parser, AgentFlags& flags) {
  AddDaemonFlags(parser, flags.daemon);
  parser.String("policy-dir", "work alone, with the policies in this directory",
                flags.policy_directory);
  parser.String("enforcers",
                "AppArmor,BPF,Seccomp or some of them (default: all; in a cluster BPF "
                "needs -enableBpfEnforcer)",
                flags.enforcers);
  parser.String("failMode",
                "closed: containers that cannot be confined by BPF as their policy says "
                "are killed; open: they run, and it is told",
                flags.fail_mode);
  parser.Bool("lenient", "accept what vArmor accepts and ignores, with warnings", flags.lenient);
  parser.Bool("unloadBpf", "take BPF out of the kernel at the end", flags.unload_bpf);
  parser.String("runtimeSocket", "containerd's socket", flags.runtime_socket);
  parser.String("runtimeNamespaces",
                "containerd's namespaces, with commas between (default: all; in "
                "a cluster k8s.io)",
                flags.runtime_namespaces);
  parser.String("nriSocket",
                "socket of the runtime's NRI, by which it asks before containers start; empty: it "
                "is not used",
                flags.nri_socket);
  parser.String("stateDir", "where the agent keeps what it needs after a restart",
                flags.state_directory);
  parser.String("seccompDir",
                "where seccomp profiles are put (default: STATE/seccomp-profiles; in a "
                "cluster /var/lib/kubelet/seccomp)",
                flags.seccomp_directory);
  parser.String("cgroupMount", "where cgroup v2 of the machine is mounted (default: the first)",
                flags.cgroup_mount);
  parser.String("bpfDir", "directory of a bpffs for what is pinned", flags.bpf_directory);
  parser.String("violationLog",
                "file for violations, - for standard output (default: -; in a "
                "cluster /var/log/varmor/violations.log)",
                flags.violation_log);
  parser.String("violationFormat", "v0.10 or v0.8: the words for level and action",
                flags.violation_format);
  parser.String("socket", "the agent's own socket; empty: none", flags.socket);
  parser.String("listenAddress",
                "address for health and metrics (default: 127.0.0.1; in a cluster "
                "0.0.0.0)",
                flags.listen_address);
  parser.Int("readinessPort", "port for health; 0: none", flags.readiness_port);
  parser.Int("metricsPort", "port for metrics, with -enableMetrics", flags.metrics_port);
  parser.String("managerURL",
                "status service (default: https://varmor-status-svc.NAMESPACE:8080, or with "
                "-kubeconfig https://MANAGERIP:8080)",
                flags.manager_url);
  parser.String("tokenFile", "token for the status service; empty: none", flags.token_file);
  parser.String("managerCA", "certificates that the status service is checked with",
                flags.manager_ca);
  parser.Duration("checkInterval", "between two comparisons of the kernel with what it should hold",
                  flags.check_interval);
  parser.String("installNamespace",
                "namespace of vArmor itself, part of cluster policies' profile "
                "names",
                flags.install_namespace);
}

std::string Variable(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value == nullptr ? "" : value;
}

void ReadEnvironment(const GoFlags& parser, const Environment& environment, AgentFlags& flags,
                     std::vector<std::string>& mistakes) {
  flags.node_name = Variable(environment, "NODE_NAME");
  if (flags.node_name.empty()) {
    char name[256] = {};
    if (gethostname(name, sizeof(name) - 1) == 0) flags.node_name = name;
  }
  flags.api_host = Variable(environment, "KUBERNETES_SERVICE_HOST");
  flags.api_port = Variable(environment, "KUBERNETES_SERVICE_PORT");
  flags.name_space = Variable(environment, "POD_NAMESPACE");
  if (flags.name_space.empty()) {
    const absl::StatusOr<std::string> mounted =
        ReadFileWhole("/var/run/secrets/kubernetes.io/serviceaccount/namespace", 4096);
    flags.name_space = mounted.ok() ? *mounted : flags.install_namespace;
  }
  if (flags.manager_url.empty()) {
    const std::string port = Variable(environment, "STATUS_SERVICE_PORT");
    flags.manager_url = absl::StrCat("https://",
                                     flags.daemon.kubeconfig.empty()
                                         ? absl::StrCat(kStatusService, ".", flags.name_space)
                                         : flags.daemon.manager_ip,
                                     ":", port.empty() ? "8080" : port);
  }
  // vArmor 0.8.0 and later; ports that are none count as absent there.
  for (const char* variable : {"READINESS_PORT", "AGENT_READINESS_PORT"}) {
    const std::string text = Variable(environment, variable);
    int64_t port = 0;
    if (text.empty() || parser.given("readinessPort")) continue;
    if (absl::SimpleAtoi(text, &port) && port >= 1025 && port <= 65535) {
      flags.readiness_port = port;
    } else {
      mistakes.push_back(
          absl::StrCat(variable, "=", Quoted(text), " is no port from 1025 to 65535"));
    }
  }
  absl::StatusOr<nlohmann::ordered_json> metadata =
      ParseViolationMetadata(Variable(environment, "AUDIT_EVENT_METADATA"));
  if (metadata.ok()) {
    flags.metadata = *std::move(metadata);
  } else {
    mistakes.push_back(std::string(metadata.status().message()));
  }
}

void Complete(AgentFlags& flags) {
  const bool alone = flags.Alone();
  if (flags.seccomp_directory.empty()) {
    flags.seccomp_directory =
        alone ? flags.state_directory + "/seccomp-profiles" : "/var/lib/kubelet/seccomp";
  }
  if (flags.violation_log.empty()) {
    flags.violation_log = alone ? "-" : "/var/log/varmor/violations.log";
  }
  if (flags.listen_address.empty()) flags.listen_address = alone ? "127.0.0.1" : "0.0.0.0";
  if (flags.runtime_namespaces.empty() && !alone) flags.runtime_namespaces = "k8s.io";
  // NRI asks about containers of Kubernetes.
  const std::vector<std::string> namespaces =
      absl::StrSplit(flags.runtime_namespaces, ',', absl::SkipEmpty());
  if (!namespaces.empty() && !absl::c_linear_search(namespaces, "k8s.io")) {
    flags.nri_socket.clear();
  }
}

void Check(const GoFlags& parser, AgentFlags& flags, std::vector<std::string>& mistakes) {
  if (!parser.operands().empty()) {
    mistakes.push_back(absl::StrCat(Quoted(parser.operands()[0]), " is no flag"));
  }
  if (flags.fail_mode != "open" && flags.fail_mode != "closed") {
    mistakes.push_back(
        absl::StrCat("flag -failMode: ", Quoted(flags.fail_mode), " is not open or closed"));
  }
  if (flags.violation_format != "v0.8" && flags.violation_format != "v0.10") {
    mistakes.push_back(absl::StrCat("flag -violationFormat: ", Quoted(flags.violation_format),
                                    " is not v0.8 or v0.10"));
  }
  for (const absl::string_view word : absl::StrSplit(flags.enforcers, ',', absl::SkipEmpty())) {
    if (!absl::EqualsIgnoreCase(word, "AppArmor") && !absl::EqualsIgnoreCase(word, "BPF") &&
        !absl::EqualsIgnoreCase(word, "Seccomp")) {
      mistakes.push_back(
          absl::StrCat("flag -enforcers: ", Quoted(word), " is not AppArmor, BPF or Seccomp"));
    }
  }
  for (const auto& [name, port] : {std::make_pair("-readinessPort", flags.readiness_port),
                                   std::make_pair("-metricsPort", flags.metrics_port)}) {
    if (port < 0 || port > 65535) {
      mistakes.push_back(absl::StrCat("flag ", name, ": ", port, " is no port"));
    }
  }
  if (!flags.Alone() && flags.daemon.kubeconfig.empty() && flags.api_host.empty()) {
    mistakes.push_back(
        "neither alone nor in a cluster: give -policy-dir DIRECTORY, or run in a pod, or give "
        "-kubeconfig FILE");
  }
  if (flags.Alone() && !flags.daemon.kubeconfig.empty()) {
    mistakes.push_back("-policy-dir and -kubeconfig exclude each other");
  }
  if (flags.check_interval < absl::Seconds(1) || flags.check_interval > kLongestInterval) {
    mistakes.push_back(
        absl::StrCat("flag -checkInterval: ", absl::FormatDuration(flags.check_interval),
                     " is not from 1s to ", absl::FormatDuration(kLongestInterval)));
  }
  if (flags.daemon.enable_behavior_modeling) {
    flags.notes.push_back(
        "--enableBehaviorModeling: recording behaviour is not built; policies in "
        "mode BehaviorModeling are reported as failed");
  }
  // What would make this another program is not passed over.
  if (parser.given("agent") && !flags.daemon.agent) {
    mistakes.push_back(
        "flag -agent=false: this program is the agent; varmor-manager is the manager");
  }
  if (flags.daemon.pre_delete) {
    mistakes.push_back(
        "flag -preDelete: this program is the agent and deletes no policies; use kubectl "
        "(docs/operations.md)");
  }
}

}  // namespace

bool AgentFlags::UsesEnforcer(absl::string_view name) const {
  if (enforcers.empty()) return name != "BPF" || Alone() || daemon.enable_bpf_enforcer;
  for (const absl::string_view word : absl::StrSplit(enforcers, ',', absl::SkipEmpty())) {
    if (absl::EqualsIgnoreCase(word, name)) return true;
  }
  return false;
}

absl::Status ReadAgentFlags(const std::vector<std::string>& words, const Environment& environment,
                            AgentFlags& flags, std::string& usage) {
  GoFlags parser("varmor-agent");
  AddFlags(parser, flags);
  usage = parser.Usage();
  const absl::Status parsed = parser.Parse(words);
  if (absl::IsCancelled(parsed) || (parsed.ok() && flags.daemon.version)) return parsed;
  std::vector<std::string> mistakes;
  for (const absl::Status& status : {parsed, FinishDaemonFlags(flags.daemon)}) {
    if (!status.ok()) mistakes.emplace_back(status.message());
  }
  ReadEnvironment(parser, environment, flags, mistakes);
  Check(parser, flags, mistakes);
  Complete(flags);
  if (mistakes.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(mistakes, "\n"));
}

}  // namespace varmor
