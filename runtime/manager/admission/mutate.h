// The mutating webhook as a function: workloads get what their policy says (docs/webhook.md).
#ifndef RUNTIME_MANAGER_ADMISSION_MUTATE_H_
#define RUNTIME_MANAGER_ADMISSION_MUTATE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "runtime/manager/admission/admission_review.h"
#include "runtime/manager/admission/protect_template.h"
#include "runtime/manager/admission/workload_policies.h"

namespace varmor {

// On the workload itself: when its template was last changed by the webhook, RFC 3339 in UTC.
inline constexpr char kMutatedAnnotation[] = "webhook.varmor.org/mutatedAt";

// What a user may not expect.
struct MutationRemark {
  enum class Kind {
    kShadowed,      // another policy comes first
    kNotProtected,  // a part of the policy is not applied
  };
  Kind kind;
  // Lives as long as `policies`.
  const WorkloadPolicy* policy;
  std::string text;
};

struct Mutation {
  // A patch only when something changes. The patch is strict RFC 6902: nothing is
  // replaced that is not there.
  // Refuses only pods of more than 500 containers. Every remark is a warning, and every profile
  // that was taken out.
  AdmissionAnswer answer;
  // All that match, the one that was applied first. They live as long as `policies`.
  std::vector<const WorkloadPolicy*> matching;
  std::vector<MutationRemark> remarks;
  // Profiles that were taken out because no policy has them any more.
  std::vector<std::string> released;
};

// Whether no policy has a profile any more; asked about names that `policies` does not know. Those
// may be older than another replica's.
using IsGone = std::function<bool(const std::string& profile_name)>;

// Asks for Deployments, StatefulSets and DaemonSets (CREATE and UPDATE) and Pods (CREATE); others
// are allowed as they are. Has no effect but its result, so dry runs need no care. What a policy
// that is gone had written is taken out: nodes do not keep its profile, and a pod that names it
// would never start. Without `is_gone` nothing is taken out.
//
// A template that a policy changes, or that comes changed, also gets kProfileLabel.
Mutation Mutate(const AdmissionRequest& request, const WorkloadPolicies& policies,
                const TemplateOptions& options, absl::Time now, const IsGone& is_gone = nullptr);

// Only takes out what policies that are gone had written. For pods that are there because of
// kProfileLabel: to policies of kind Pod they do not show themselves.
Mutation Release(const AdmissionRequest& request, const WorkloadPolicies& policies, absl::Time now,
                 const IsGone& is_gone);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_ADMISSION_MUTATE_H_
