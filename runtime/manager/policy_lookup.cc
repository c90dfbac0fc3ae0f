#include "runtime/manager/policy_lookup.h"

#include <iterator>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/manager/webhook_policies.h"

namespace varmor {
namespace {

// The letters of a DNS subdomain (RFC 1123), which names of custom resources are.
bool IsObjectName(absl::string_view name) {
  constexpr absl::string_view kOthers = "-.";
  return !name.empty() && kOthers.find(name[0]) == absl::string_view::npos &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") ==
             absl::string_view::npos;
}

}  // namespace

absl::StatusOr<bool> PolicyLookup::HasPolicy(const std::string& name_space,
                                             const std::string& profile_name) {
  const std::pair<std::string, std::string> key(name_space, profile_name);
  const absl::Time now = absl::Now();
  {
    MutexLock lock(&mutex_);
    const auto known = answers_.find(key);
    if (known != answers_.end() && known->second.asked + limits_.memory > now) {
      return known->second.has_policy;
    }
    if (now - period_ >= limits_.period) {
      period_ = now;
      questions_ = 0;
    }
    if (under_way_ == limits_.at_once || questions_ == limits_.questions) {
      return absl::ResourceExhaustedError("too many workloads with profiles of unknown policies");
    }
    ++under_way_;
    ++questions_;
  }
  const absl::StatusOr<bool> has_policy = Ask(name_space, profile_name);
  MutexLock lock(&mutex_);
  --under_way_;
  for (auto it = answers_.begin(); it != answers_.end();) {
    it = it->second.asked + limits_.memory <= now ? answers_.erase(it) : std::next(it);
  }
  if (has_policy.ok()) answers_[key] = {now, *has_policy};
  return has_policy;
}

// The prefixes are those of ProfileName.
absl::StatusOr<bool> PolicyLookup::Ask(const std::string& name_space,
                                       const std::string& profile_name) const {
  VARMOR_ASSIGN_OR_RETURN(
      const bool of_cluster,
      Exists(kVarmorClusterPolicies, "",
             absl::StrCat("varmor-cluster-", features_.install_namespace, "-"), profile_name));
  if (of_cluster || name_space.empty()) return of_cluster;
  return Exists(kVarmorPolicies, name_space, absl::StrCat("varmor-", name_space, "-"),
                profile_name);
}

absl::StatusOr<bool> PolicyLookup::Exists(const KubeResource& resource,
                                          const std::string& name_space, absl::string_view prefix,
                                          absl::string_view profile_name) const {
  absl::string_view name = profile_name;
  if (!absl::ConsumePrefix(&name, prefix) || !IsObjectName(name)) return false;
  absl::StatusOr<Json> policy = client_.Get(resource, name_space, name);
  // Of a resource that is not served nothing is known.
  if (absl::IsNotFound(policy.status()) && KubeReasonOf(policy.status()) == "NotFound") {
    return false;
  }
  if (!policy.ok()) return policy.status();
  (*policy)["kind"] = resource.kind;
  return !WebhookPolicies({std::make_shared<const Json>(*std::move(policy))}, profiles_, features_,
                          OptOutDefaults(), catalogue_)
              .empty();
}

}  // namespace varmor
