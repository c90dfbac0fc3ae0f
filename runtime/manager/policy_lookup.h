// Whether a profile still has a policy, by the API server's word: what watches told may be older
// than what another replica knows. Thread-safe.
#ifndef RUNTIME_MANAGER_POLICY_LOOKUP_H_
#define RUNTIME_MANAGER_POLICY_LOOKUP_H_

#include <map>
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
  // Questions that begin within one period.
  int questions = 100;
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
  // namespace. Takes one read of one object, two when the names leave both open, and never waits
  // for other callers: RESOURCE_EXHAUSTED says that there are too many. Other errors are those of
  // the API server.
  absl::StatusOr<bool> HasPolicy(const std::string& name_space, const std::string& profile_name);

 private:
  struct Answer {
    absl::Time asked;
    bool has_policy = false;
  };

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
  // By namespace and profile; old ones go with the next question.
  std::map<std::pair<std::string, std::string>, Answer> answers_ ABSL_GUARDED_BY(mutex_);
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time period_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int questions_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_POLICY_LOOKUP_H_
