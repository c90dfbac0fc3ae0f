// Violations as lines of vArmor's violation log: JSON objects with all fields of its contract in
// their order, and more that name the rule.
#ifndef RUNTIME_AGENT_VIOLATION_LINE_H_
#define RUNTIME_AGENT_VIOLATION_LINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/enforcers/audit/audit_violation.h"
#include "lib/enforcers/bpf/bpf_violation.h"
#include "nlohmann/json.hpp"
#include "runtime/agent/agent_policy.h"
#include "runtime/container/container_runtime.h"

namespace varmor {

// What all lines of a node have in common.
struct ViolationSettings {
  std::string node_name;
  // Object; of the environment's AUDIT_EVENT_METADATA.
  nlohmann::ordered_json metadata = nlohmann::ordered_json::object();
  // The words of vArmor 0.8 for level and action instead of those of 0.9 and later.
  bool v08 = false;
};

// Whose violation it is; empty fields for what is not known.
struct ViolationSubject {
  ContainerId container;
  std::string container_name;
  std::string image;
  std::string pod_name;
  std::string pod_namespace;
  std::string pod_uid;
  uint64_t mount_namespace = 0;
  PolicyIdentity policy;
  std::string profile;
};

// Lines come without their end. `now` is when it is written.
std::string ViolationLine(const BpfViolation& violation, const ViolationSubject& subject,
                          const ViolationSettings& settings, absl::Time now);
std::string ViolationLine(const AuditViolation& violation, const ViolationSubject& subject,
                          const ViolationSettings& settings, absl::Time now);

// That `count` violations of a container were not written, because there were too many.
std::string SuppressedLine(const std::string& enforcer, uint64_t count,
                           const ViolationSubject& subject, const ViolationSettings& settings,
                           absl::Time now);

// Of AUDIT_EVENT_METADATA: "" or a JSON object. INVALID_ARGUMENT for anything else.
absl::StatusOr<nlohmann::ordered_json> ParseViolationMetadata(absl::string_view text);

}  // namespace varmor

#endif  // RUNTIME_AGENT_VIOLATION_LINE_H_
