#include "runtime/manager/policy_lookup.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "lib/compiler/policy/profile_name.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/manager/webhook_policies.h"

namespace varmor {

absl::StatusOr<bool> PolicyLookup::HasPolicy(const std::string& name_space,
                                             const std::string& profile_name) {
  MutexLock lock(&mutex_);
  const absl::Duration wait = asked_ + pause_ - absl::Now();
  if (wait <= absl::ZeroDuration() || name_space != name_space_ || !known_) {
    if (wait > absl::ZeroDuration()) absl::SleepFor(wait);
    VARMOR_RETURN_IF_ERROR(Read(name_space));
  }
  return profile_names_.count(profile_name) > 0;
}

absl::Status PolicyLookup::Read(const std::string& name_space) {
  name_space_ = name_space;
  asked_ = absl::Now();
  known_ = false;
  std::vector<ObjectPointer> policies;
  const auto read = [&](const KubeResource& resource, const std::string& where,
                        absl::string_view kind) -> absl::Status {
    KubeListOptions list;
    list.name_space = where;
    VARMOR_ASSIGN_OR_RETURN(KubeList found, client_.List(resource, list));
    for (Json& policy : found.items) {
      policy["kind"] = std::string(kind);
      policies.push_back(std::make_shared<const Json>(std::move(policy)));
    }
    return absl::OkStatus();
  };
  VARMOR_RETURN_IF_ERROR(read(kVarmorClusterPolicies, "", kClusterPolicyKind));
  if (!name_space.empty()) {
    VARMOR_RETURN_IF_ERROR(read(kVarmorPolicies, name_space, "VarmorPolicy"));
  }
  profile_names_.clear();
  for (const WorkloadPolicy& each :
       WebhookPolicies(policies, profiles_, features_, OptOutDefaults(), catalogue_)) {
    profile_names_.insert(each.protection.profile_name);
  }
  known_ = true;
  return absl::OkStatus();
}

}  // namespace varmor
