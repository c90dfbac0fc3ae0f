// What an agent knows about itself and its node, for people, for metrics and for the manager.
#ifndef RUNTIME_AGENT_AGENT_STATUS_H_
#define RUNTIME_AGENT_AGENT_STATUS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lib/enforcers/enforcer.h"
#include "nlohmann/json.hpp"
#include "runtime/agent/agent_policy.h"
#include "runtime/agent/plan.h"
#include "runtime/agent/start_gate.h"
#include "runtime/agent/unenforced.h"
#include "runtime/agent/violation_auditor.h"
#include "runtime/container/container_runtime.h"
#include "runtime/container/nri/nri_plugin.h"
#include "runtime/metrics/metrics.h"

namespace varmor {

struct PolicyStatus {
  std::string source;
  PolicyIdentity identity;
  std::string profile_namespace;
  std::string profile;
  std::string revision;
  // "enforced"; "pending": something was not tried yet; "failed"; "retiring": the policy is gone,
  // and a container still refers to its profiles; "retired".
  std::string state;
  // "Ready", or every reason, with "; " between.
  std::string message;
  // By enforcer: "ok", "pending", "unsupported: ...", or what went wrong.
  std::map<std::string, std::string> enforcers;
  std::vector<std::string> warnings;
  UnenforcedTexts unenforced;
  size_t containers = 0;
};

struct ContainerStatus {
  ContainerId id;
  std::string name;
  std::string image;
  std::string pod;  // "NAMESPACE/NAME"
  bool running = false;
  std::string profile;  // "": no policy is about it
  // By enforcer of the profile: "ok", or why not.
  std::map<std::string, std::string> enforcers;
  // When it was confined by BPF: "before its program", "0.012 s after its creation", "found
  // running", or "".
  std::string enrolled;
  std::vector<std::string> problems;
};

struct AgentStatus {
  std::string node;
  std::string version;
  std::string kernel;
  absl::Time started;
  // The agent had no time to answer: nothing but who it is and `not_ready` is known.
  bool busy = false;
  // Policies and containers are known: what is said of them is all.
  bool complete = false;
  // And it hears of new containers.
  bool ready = false;
  // Why not.
  std::string not_ready;
  std::string runtime;
  bool watching = false;
  std::string runtime_problem;
  // Whether NRI is used, and how the runtime takes it; what became of the starts it asked about.
  bool nri_used = false;
  NriState nri;
  StartCounts starts;
  std::map<EnforcerKind, EnforcerSupport> enforcers;
  // Builds of the BPF programs with another ABI that are still in force, and why.
  std::vector<std::string> other_builds;
  std::string takeover_problem;
  // "", or why violations of AppArmor and seccomp are not seen.
  std::string audit_problem;
  // The same for those of BPF.
  std::string bpf_problem;
  std::vector<PolicyStatus> policies;
  // By file or object: what is wrong with it.
  std::map<std::string, std::string> problems;
  std::vector<ContainerStatus> containers;
  // Profiles in the kernel by enforcer.
  std::map<EnforcerKind, size_t> profiles;
  size_t subjects = 0;

  // Since the start.
  std::map<EnforcerKind, uint64_t> tampered;
  std::map<EnforcerKind, uint64_t> failures;
  uint64_t containers_seen = 0;
  uint64_t resyncs = 0;
  uint64_t queue_overflows = 0;
  uint64_t killed = 0;
  // Containers by when they were confined, and how long after their creation.
  uint64_t enrolled_in_time = 0;
  uint64_t enrolled_late = 0;
  SecondsSeen enrol_seconds;
  // Calls that gave an enforcer profiles, one or several.
  std::map<EnforcerKind, SecondsSeen> apply_seconds;

  // In a cluster: not delivered to the manager yet.
  size_t reports_pending = 0;

  // Lines of the agent's own log that nobody read.
  uint64_t log_lines_lost = 0;
  // BPF events without room in the ring, by class.
  std::map<std::string, uint64_t> bpf_drops;
  ViolationCounts violations;
};

nlohmann::ordered_json AgentStatusJson(const AgentStatus& status);
// What is not as policies want it or not seen, in a few words each: "1 policy is rejected". Of the
// above; none when all is well.
std::vector<std::string> AgentTroubles(const nlohmann::ordered_json& status);
// For people.
std::string AgentStatusText(const nlohmann::ordered_json& status);
// In Prometheus' text format. Not of one that is busy, whose counters would seem to begin anew.
std::string AgentMetricsText(const AgentStatus& status);

}  // namespace varmor

#endif  // RUNTIME_AGENT_AGENT_STATUS_H_
