#include "runtime/manager/webhook_policies.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/kube/kube_object.h"
#include "runtime/protocol/armor_profile.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

bool IsOwner(const Json& policy, const Json& profile) {
  const Json* owners = FieldAt(profile, {"metadata", "ownerReferences"});
  if (owners == nullptr || !owners->is_array()) return false;
  for (const Json& owner : *owners) {
    if (TextAt(owner, {"uid"}) == TextAt(policy, {"metadata", "uid"})) return true;
  }
  return false;
}

// The policy with the target and the mode that its ArmorProfile was made of.
Json AsApplied(const Json& policy, const Json& profile) {
  Json applied = policy;
  const Json* target = FieldAt(profile, {"spec", "target"});
  if (target != nullptr && target->is_object()) applied["spec"]["target"] = *target;
  const std::string mode = TextAt(profile, {"metadata", "annotations", kPolicyModeAnnotation});
  if (!mode.empty()) applied["spec"]["policy"]["mode"] = mode;
  return applied;
}

bool IsSound(const Json& policy, const PolicyFeatures& features, const Catalogue& catalogue) {
  // Addresses are not known here, and do not matter.
  static const ClusterFacts* const nothing = new ClusterFacts();
  const absl::StatusOr<PolicyCheck> check =
      CheckPolicy(policy, features, nullptr, nothing, catalogue);
  return check.ok() && check->errors.empty();
}

}  // namespace

std::vector<WorkloadPolicy> WebhookPolicies(const std::vector<ObjectPointer>& policies,
                                            const ObjectCache& profiles,
                                            const PolicyFeatures& features,
                                            const OptOutDefaults& opt_out,
                                            const Catalogue& catalogue) {
  std::vector<WorkloadPolicy> out;
  for (const ObjectPointer& policy : policies) {
    if (FieldAt(*policy, {"metadata", "deletionTimestamp"}) != nullptr) continue;
    absl::StatusOr<WorkloadPolicy> read =
        ReadWorkloadPolicy(*policy, "", features.install_namespace, opt_out);
    const std::string name_space = TextAt(*policy, {"metadata", "namespace"});
    const std::string profile_name = TextAt(*policy, {"status", "profileName"});
    const ObjectPointer profile =
        profiles.Get(ArmorProfileKey(name_space.empty() ? features.install_namespace : name_space,
                                     read.ok() ? read->protection.profile_name : profile_name));
    if (profile != nullptr && IsOwner(*policy, *profile)) {
      const std::string enforcers = TextAt(*profile, {"spec", "profile", "enforcer"});
      read = ReadWorkloadPolicy(AsApplied(*policy, *profile), enforcers, features.install_namespace,
                                opt_out);
    } else if (const std::string phase = TextAt(*policy, {"status", "phase"});
               phase == "Error" || (phase.empty() && !IsSound(*policy, features, catalogue))) {
      continue;
    }
    if (read.ok()) out.push_back(*std::move(read));
  }
  return out;
}

}  // namespace varmor
