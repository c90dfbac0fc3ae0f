// Which policy a workload falls under: an immutable index of policies, to be replaced as a whole.
#ifndef RUNTIME_MANAGER_ADMISSION_WORKLOAD_POLICIES_H_
#define RUNTIME_MANAGER_ADMISSION_WORKLOAD_POLICIES_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/manager/admission/protect_template.h"
#include "runtime/protocol/json_fields.h"

namespace varmor {

// On a policy: "true" or "false", whether its containers may say "unconfined" for themselves.
inline constexpr char kAllowOptOutAnnotation[] = "varmor.org/allow-opt-out";

struct WorkloadPolicy {
  // "" for a VarmorClusterPolicy.
  std::string name_space;
  std::string name;
  // RFC 3339, as the API server writes it; "" when unknown.
  std::string created;
  // "Deployment", "StatefulSet", "DaemonSet", "Pod".
  std::string target_kind;
  // One of both: "" or null.
  std::string target_name;
  Json target_selector;
  Protection protection;
};

// What the installation says about opting out; a policy's annotation wins.
struct OptOutDefaults {
  bool namespaced_policies = true;
  bool cluster_policies = true;
};

// Reads a policy as the API server has it. `enforcers` are those of its ArmorProfile, which may be
// older than the policy, "" while it has none: those of the policy. INVALID_ARGUMENT when nothing
// can be protected by it: unknown enforcers, neither name nor selector.
absl::StatusOr<WorkloadPolicy> ReadWorkloadPolicy(const Json& policy, absl::string_view enforcers,
                                                  absl::string_view install_namespace,
                                                  const OptOutDefaults& opt_out);

// Whether a metav1.LabelSelector selects an object with `labels` (null: none). An invalid selector
// selects nothing, an empty one everything.
bool SelectorMatches(const Json& selector, const Json& labels);

class WorkloadPolicies {
 public:
  WorkloadPolicies() = default;
  explicit WorkloadPolicies(std::vector<WorkloadPolicy> policies);

  // Every policy that matches, the one to apply first: cluster policies before namespaced ones,
  // within both by name before by selector, then the older, then by name. A workload without a name
  // yet (generateName) is matched by its labels only. Pointers live as long as the object.
  std::vector<const WorkloadPolicy*> Match(absl::string_view kind, absl::string_view name_space,
                                           absl::string_view name, const Json& labels) const;

  // The oldest policy with that profile, null when there is none.
  const WorkloadPolicy* OwnerOf(const std::string& profile_name) const;

  size_t size() const { return policies_.size(); }

 private:
  std::vector<WorkloadPolicy> policies_;
  // Target kind and namespace ("" for cluster policies) to positions in policies_, in the order of
  // precedence but for name or selector.
  std::map<std::pair<std::string, std::string>, std::vector<size_t>> index_;
  std::map<std::string, size_t> owners_;
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_ADMISSION_WORKLOAD_POLICIES_H_
