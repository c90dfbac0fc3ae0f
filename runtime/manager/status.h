// From what nodes reported to what the status of policies and ArmorProfiles says. Pure.
#ifndef RUNTIME_MANAGER_STATUS_H_
#define RUNTIME_MANAGER_STATUS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/protocol/node_report.h"

namespace varmor {

// The newest that each node said about one ArmorProfile, by node.
using ProfileReports = std::map<std::string, NodeProfile>;

// Where agents run.
struct AgentNodes {
  // How many there should be: desiredNumberScheduled of the agents' DaemonSet.
  int desired = 0;
  // Nodes with an agent that is running. Reports of other nodes do not count.
  std::set<std::string> running;
};

struct NodeFailure {
  std::string node;
  std::string message;
};

// A node whose kernel does not enforce all rules, one sentence for each that it does not.
struct NodeLimits {
  std::string node;
  std::vector<std::string> rules;
};

struct NodeCounts {
  int desired = 0;
  int loaded = 0;
  int retired = 0;
  // Of desired, those that have not said anything about the revision yet.
  int pending = 0;
  // Sorted by node.
  std::vector<NodeFailure> failures;
  // Of the failures, nodes that lack an enforcer: their message starts with "unsupported:".
  int unsupported = 0;
  // Of desired, sorted by node, whatever they reported otherwise.
  std::vector<NodeLimits> limits;

  int failed() const { return static_cast<int>(failures.size()); }
  bool all_loaded() const { return desired > 0 && failures.empty() && loaded >= desired; }
};

// Counts reports about `revision`, and those that name none (agents of vArmor's). Others are as
// good as none.
NodeCounts CountNodes(const ProfileReports& reports, absl::string_view revision,
                      const AgentNodes& agents);

struct Condition {
  std::string type;    // "Created", "Updated", "Ready", "Deleting"
  std::string status;  // "True", "False"
  std::string reason;
  std::string message;
};

// `old` with `wanted` in the places of conditions of the same type and node, others appended.
// lastTransitionTime changes only where the status does. Entries of `old` that are no conditions
// are dropped. Empty texts are left out: some servers of Kubernetes 1.20 take them for null.
Json MergeConditions(const Json& old, const std::vector<Condition>& wanted, absl::Time now);

// Status of an ArmorProfile. `old` is what it has, null: none. Each node that failed has a
// condition Ready, and each that does not enforce all rules a condition FullyEnforced, both False,
// with 1 KiB of message at most. There are 100 of them, failures first; one without a node's name
// counts the others.
Json ArmorProfileStatusJson(const NodeCounts& counts, const Json& old, absl::Time now);

// Condition Ready. Rules that nodes do not enforce are told in its message, and change nothing
// else. `profile` is the ArmorProfileKey, `remarks` what users should know although all is well (""
// for none).
Condition ReadyCondition(const NodeCounts& counts, absl::string_view profile,
                         absl::string_view remarks);

// "Protecting", "Pending" or "Error", by the counts alone.
std::string PhaseOf(const NodeCounts& counts);

// RFC 3339 in UTC, as metav1.Time has it: "2025-01-01T00:00:00Z".
std::string TimeText(absl::Time time);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_STATUS_H_
