// What agents tell the manager: the result of applying one profile, and once a minute everything.
#ifndef RUNTIME_PROTOCOL_NODE_REPORT_H_
#define RUNTIME_PROTOCOL_NODE_REPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/protocol/json_fields.h"

namespace varmor {

// How a node stands to one profile. kRetired is this project's: the policy is going, and nothing on
// the node uses the profile any more.
enum class ProfileState { kSucceeded, kFailed, kRetired };

// "succeeded", "failed", "retired".
absl::string_view ProfileStateName(ProfileState state);

// POST kStatusPath. What the last three fields hold is this project's; vArmor's agents leave them
// out.
struct ProfileStatus {
  std::string name_space;
  std::string armor_profile;
  std::string node_name;
  ProfileState state = ProfileState::kFailed;
  // "Ready" on success.
  std::string message;
  // ArmorProfileRevision of what was applied; "": unknown.
  std::string revision;
  // Enforcer ("AppArmor", "BPF", "Seccomp") to "ok", "unsupported", or the error.
  std::map<std::string, std::string> enforcers;
  // Rules that the node's kernel does not enforce, or only in part, one sentence each, whatever the
  // state: "BPF: disallow-create-user-ns (this kernel has no hook userns_create; ...)".
  std::vector<std::string> unenforced;
};

Json ProfileStatusJson(const ProfileStatus& status);
// INVALID_ARGUMENT with every problem: not JSON, not an object, a name missing or empty, a state
// that does not exist, a value of another type. Members that are not known are passed over: a newer
// agent may send them.
absl::StatusOr<ProfileStatus> ParseProfileStatus(absl::string_view text);

// What a node can enforce with.
struct NodeCapabilities {
  bool app_armor = false;
  bool bpf = false;
  bool seccomp = false;
  // Release of the kernel.
  std::string kernel;
  // Enforcer that is missing, or "audit", to the reason.
  std::map<std::string, std::string> reasons;
};

struct NodeProfile {
  std::string revision;
  ProfileState state = ProfileState::kFailed;
  std::string message;
  // As in ProfileStatus.
  std::vector<std::string> unenforced = {};
};

struct NodeViolations {
  int64_t denied = 0;
  int64_t allowed = 0;
  // RFC 3339; "" when there were none.
  std::string last;
};

// POST kNodePath: at the start and every 60 s. Profiles and violations since the agent's start are
// by ArmorProfileKey.
struct NodeReport {
  std::string node_name;
  std::string boot_id;
  std::string agent_version;
  NodeCapabilities capabilities;
  std::map<std::string, NodeProfile> profiles;
  std::map<std::string, NodeViolations> violations;
};

Json NodeReportJson(const NodeReport& report);
// INVALID_ARGUMENT like ParseProfileStatus.
absl::StatusOr<NodeReport> ParseNodeReport(absl::string_view text);

// The answer to a NodeReport: ArmorProfileKeys that the agent is to apply and report again, sorted.
Json NodeReportAnswerJson(const std::vector<std::string>& resync);
absl::StatusOr<std::vector<std::string>> ParseNodeReportAnswer(absl::string_view text);

}  // namespace varmor

#endif  // RUNTIME_PROTOCOL_NODE_REPORT_H_
