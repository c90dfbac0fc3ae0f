// The command line and the environment of varmor-agent.
#ifndef RUNTIME_AGENT_AGENT_FLAGS_H_
#define RUNTIME_AGENT_AGENT_FLAGS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "runtime/agent/control_socket.h"
#include "runtime/container/nri/nri_plugin.h"
#include "runtime/flags/daemon_flags.h"

namespace varmor {

struct AgentFlags {
  DaemonFlags daemon;

  // "": in a cluster.
  std::string policy_directory;
  // Words of the enforcers, with commas between; "": all alone, and in a cluster AppArmor, seccomp
  // and, with --enableBpfEnforcer, BPF.
  std::string enforcers;
  std::string fail_mode = "open";
  bool lenient = false;
  bool unload_bpf = false;
  std::string runtime_socket = "/run/containerd/containerd.sock";
  // With commas between; "": all alone, "k8s.io" in a cluster.
  std::string runtime_namespaces;
  // Of the runtime's NRI; "": it is not used.
  std::string nri_socket = kNriSocket;
  std::string state_directory = "/var/lib/varmor";
  // "": below the state directory alone, the kubelet's in a cluster.
  std::string seccomp_directory;
  // Where cgroup v2 of the machine is mounted; "": the first such mount.
  std::string cgroup_mount;
  std::string bpf_directory = "/sys/fs/bpf/varmor";
  // "-": standard output.
  std::string violation_log;
  std::string violation_format = "v0.10";
  std::string socket = kAgentSocket;
  // "": this machine alone, and all addresses in a cluster.
  std::string listen_address;
  int64_t readiness_port = 9580;
  int64_t metrics_port = 9581;
  absl::Duration check_interval = absl::Minutes(1);
  std::string install_namespace = "varmor";

  std::string manager_url;
  std::string token_file = "/var/run/secrets/tokens/bound-token";
  std::string manager_ca = "/etc/varmor/ca/ca.crt";

  // From the environment.
  std::string node_name;
  // Of the manager and this agent.
  std::string name_space;
  std::string api_host;
  std::string api_port;
  nlohmann::ordered_json metadata = nlohmann::ordered_json::object();

  // What the flags ask for and this agent does not do; to be told.
  std::vector<std::string> notes;

  bool Alone() const { return !policy_directory.empty(); }
  // "AppArmor", "BPF", "Seccomp".
  bool UsesEnforcer(absl::string_view name) const;
};

// `environment` gives a variable's value, null for none. INVALID_ARGUMENT with every mistake;
// CANCELLED when help is asked for, which is in `usage`.
absl::Status ReadAgentFlags(const std::vector<std::string>& words,
                            const std::function<const char*(const char*)>& environment,
                            AgentFlags& flags, std::string& usage);

}  // namespace varmor

#endif  // RUNTIME_AGENT_AGENT_FLAGS_H_
