// The mutating webhook as a function: workloads get what their policy says (docs/webhook.md).
#ifndef RUNTIME_MANAGER_ADMISSION_MUTATE_H_
#define RUNTIME_MANAGER_ADMISSION_MUTATE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "runtime/manager/admission/admission_review.h"
#include "runtime/manager/admission/protect_template.h"
#include "runtime/manager/admission/workload_policies.h"

namespace varmor {

// On the workload itself: when its template was last changed by the webhook, RFC 3339 in UTC.
inline constexpr char kMutatedAnnotation[] = "webhook.varmor.org/mutatedAt";

struct Mutation {
  // Always allows; a patch only when something changes. The patch is strict RFC 6902: nothing is
  // replaced that is not there.
  AdmissionAnswer answer;
  // All that match, the one that was applied first. They live as long as `policies`.
  std::vector<const WorkloadPolicy*> matching;
};

// Asks for Deployments, StatefulSets and DaemonSets (CREATE and UPDATE) and Pods (CREATE); others
// are allowed as they are. Has no effect but its result, so dry runs need no care.
Mutation Mutate(const AdmissionRequest& request, const WorkloadPolicies& policies,
                const TemplateOptions& options, absl::Time now);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_ADMISSION_MUTATE_H_
