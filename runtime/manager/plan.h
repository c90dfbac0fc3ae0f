// What has to be done so that the cluster says what a policy says. Pure; both kinds of policies go
// through here, only names and namespaces differ.
#ifndef RUNTIME_MANAGER_PLAN_H_
#define RUNTIME_MANAGER_PLAN_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/manager/policy_check.h"
#include "runtime/manager/status.h"
#include "runtime/protocol/json_fields.h"

namespace varmor {

// What a policy compiles to.
struct ProfileDraft {
  // "" when the object has no usable name.
  std::string profile_name;
  // Namespace of the ArmorProfile: the policy's, or that of the installation.
  std::string name_space;
  // With errors, `spec` is null.
  std::vector<PolicyProblem> errors;
  std::vector<PolicyProblem> warnings;
  // The ArmorProfile's spec, and its ArmorProfileRevision.
  Json spec;
  std::string revision;
  // Made from the ArmorProfileModel of that name.
  bool needs_model = false;
  // Rules whose addresses the manager has to follow.
  bool follows_services = false;
  bool follows_pods = false;
};

// The draft of a policy as CheckPolicy has it. Only faults of ours are a status.
absl::StatusOr<ProfileDraft> DraftProfile(const Json& policy, const PolicyFeatures& features,
                                          const BehaviorModel* model, const ClusterFacts* cluster,
                                          const Catalogue& catalogue);

struct PlanAction {
  enum class Kind {
    // Of the policy: merge patches.
    kPatchPolicy,
    kPatchPolicyStatus,
    // Of its ArmorProfile. The body is an object, an object, a merge patch, a merge patch, null.
    kCreateProfile,
    kUpdateProfile,
    kPatchProfile,
    kPatchProfileStatus,
    kDeleteProfile,
    // About the policy: the body is {"type", "reason", "message"}.
    kEvent,
  };
  Kind kind;
  Json body;
};

// "UpdateProfile", for logs and tests.
std::string PlanActionName(PlanAction::Kind kind);

struct PolicyPlan {
  // In this order; the rest waits when one fails.
  std::vector<PlanAction> actions;
  // Plan again after this time though nothing happens; infinite: not needed.
  absl::Duration again = absl::InfiniteDuration();
};

struct PolicyView {
  // As the API server has it.
  const Json* policy = nullptr;
  const ProfileDraft* draft = nullptr;
  // The ArmorProfile at the draft's place; null: none.
  const Json* armor_profile = nullptr;
  // Whether the owner that `armor_profile` names exists, with that uid.
  bool owner_exists = false;
  // An ArmorProfile of the same name in another namespace, "namespace/name"; "": none. On a node
  // one would replace the other.
  std::string same_name;
  const ProfileReports* reports = nullptr;
  const AgentNodes* agents = nullptr;
  // What nodes counted, to be written; null: leave what is written.
  const NodeViolations* violations = nullptr;
  // The leader has been one for long enough that every agent has reported. Before, a status that
  // was true keeps being so while nodes are still missing.
  bool settled = true;
  // After which a policy that is being deleted does not wait for nodes any more.
  absl::Duration retire_timeout = absl::Minutes(10);
  absl::Time now;
};

PolicyPlan PlanPolicy(const PolicyView& view);

// For an ArmorProfile whose policy does not exist any more: it retires like that of a policy that
// is being deleted, and goes.
PolicyPlan PlanOrphan(const Json& armor_profile, const ProfileReports& reports,
                      const AgentNodes& agents, absl::Duration retire_timeout, absl::Time now);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_PLAN_H_
