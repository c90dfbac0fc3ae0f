// Whether a profile still has a policy, by the API server's word: what watches told may be older
// than what another replica knows. Thread-safe.
#ifndef RUNTIME_MANAGER_POLICY_LOOKUP_H_
#define RUNTIME_MANAGER_POLICY_LOOKUP_H_

#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "runtime/kube/kube_client.h"
#include "runtime/kube/mutex.h"
#include "runtime/manager/object_cache.h"
#include "runtime/manager/policy_check.h"

namespace varmor {

class PolicyLookup {
 public:
  // `pause` is between two questions to the API server, which anybody who reaches the webhook can
  // cause; an answer about the same namespace is good for as long. What is referred to must outlive
  // the lookup.
  PolicyLookup(KubeClient& client, const ObjectCache& profiles, PolicyFeatures features,
               const Catalogue& catalogue, absl::Duration pause = absl::Milliseconds(100))
      : client_(client),
        profiles_(profiles),
        features_(std::move(features)),
        catalogue_(catalogue),
        pause_(pause) {}

  // Whether the webhook would apply a policy with that profile: a cluster policy, or one of the
  // namespace. Errors are those of the API server.
  absl::StatusOr<bool> HasPolicy(const std::string& name_space, const std::string& profile_name);

 private:
  absl::Status Read(const std::string& name_space) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  KubeClient& client_;
  const ObjectCache& profiles_;
  const PolicyFeatures features_;
  const Catalogue& catalogue_;
  const absl::Duration pause_;
  Mutex mutex_;
  // What was last asked about, when, and the profiles that have a policy.
  std::string name_space_ ABSL_GUARDED_BY(mutex_);
  absl::Time asked_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool known_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::string> profile_names_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_POLICY_LOOKUP_H_
