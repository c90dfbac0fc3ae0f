// Whether a profile still has a policy, by the API server's word: what watches told may be older
// than what another replica knows. Thread-safe.
#ifndef RUNTIME_MANAGER_POLICY_LOOKUP_H_
#define RUNTIME_MANAGER_POLICY_LOOKUP_H_

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "runtime/kube/kube_client.h"
#include "runtime/kube/mutex.h"
#include "runtime/manager/object_cache.h"
#include "runtime/manager/policy_check.h"

namespace varmor {

// Anybody who can create a pod, or only ask what would become of one, causes a question to the API
// server, in a thread of the webhook that others wait for.
struct PolicyLookupLimits {
  // Questions under way; fewer than the webhook has threads.
  int at_once = 3;
  // Questions that begin within one period, and for how long they wait for others to end, all
  // together: the last thread of the webhook is free for more than half of the time.
  int questions = 100;
  absl::Duration patience = absl::Seconds(2);
  absl::Duration period = absl::Seconds(5);
  // For how long an answer is good.
  absl::Duration memory = absl::Milliseconds(100);
};

class PolicyLookup {
 public:
  // What is referred to must outlive the lookup.
  PolicyLookup(KubeClient& client, const ObjectCache& profiles, PolicyFeatures features,
               const Catalogue& catalogue, const PolicyLookupLimits& limits = {})
      : client_(client),
        profiles_(profiles),
        features_(std::move(features)),
        catalogue_(catalogue),
        limits_(limits) {}

  // Whether the webhook would apply a policy with that profile: a cluster policy, or one of the
  // namespace. Takes one read of one object, two when the names leave both open.
  // RESOURCE_EXHAUSTED: there are too many callers. Other errors are those of the API server.
  absl::StatusOr<bool> HasPolicy(const std::string& name_space, const std::string& profile_name);

 private:
  // Namespace and profile.
  using Key = std::pair<std::string, std::string>;
  struct Answer {
    absl::Time asked;
    bool has_policy = false;
  };

  // The answer, if there is one that is good; forgets those that are not.
  std::optional<bool> Known(const Key& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<bool> Ask(const std::string& name_space, const std::string& profile_name) const;
  // Whether the policy whose profile's name begins with `prefix` exists and would be applied.
  absl::StatusOr<bool> Exists(const KubeResource& resource, const std::string& name_space,
                              absl::string_view prefix, absl::string_view profile_name) const;

  KubeClient& client_;
  const ObjectCache& profiles_;
  const PolicyFeatures features_;
  const Catalogue& catalogue_;
  const PolicyLookupLimits limits_;
  Mutex mutex_;
  std::map<Key, Answer> answers_ ABSL_GUARDED_BY(mutex_);
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time period_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // Within it.
  int questions_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration waited_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_POLICY_LOOKUP_H_
