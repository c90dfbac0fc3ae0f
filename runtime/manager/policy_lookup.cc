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

absl::Status TooMany() {
  return absl::ResourceExhaustedError("too many workloads with profiles of unknown policies");
}

}  // namespace

absl::StatusOr<bool> PolicyLookup::HasPolicy(const std::string& name_space,
                                             const std::string& profile_name) {
  const Key key(name_space, profile_name);
  absl::Time asked;
  {
    MutexLock lock(&mutex_);
    std::optional<bool> known = Known(key);
    if (known.has_value()) return *known;
    const absl::Time now = absl::Now();
    if (now - period_ >= limits_.period) {
      period_ = now;
      questions_ = 0;
      waited_ = absl::ZeroDuration();
    }
    if (questions_ == limits_.questions) return TooMany();
    ++questions_;
    const bool free = mutex_.AwaitWithTimeout(
        [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return under_way_ < limits_.at_once; },
        limits_.patience - waited_);
    asked = absl::Now();
    waited_ += asked - now;
    // It may have been the same question.
    known = Known(key);
    if (known.has_value()) return *known;
    if (!free) return TooMany();
    ++under_way_;
  }
  const absl::StatusOr<bool> has_policy = Ask(name_space, profile_name);
  MutexLock lock(&mutex_);
  --under_way_;
  if (has_policy.ok()) answers_[key] = {asked, *has_policy};
  return has_policy;
}

std::optional<bool> PolicyLookup::Known(const Key& key) {
  const absl::Time oldest = absl::Now() - limits_.memory;
  for (auto it = answers_.begin(); it != answers_.end();) {
    it = it->second.asked <= oldest ? answers_.erase(it) : std::next(it);
  }
  const auto found = answers_.find(key);
  if (found == answers_.end()) return std::nullopt;
  return found->second.has_policy;
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
