// The policies that the mutating webhook may apply. Pure.
#ifndef RUNTIME_MANAGER_WEBHOOK_POLICIES_H_
#define RUNTIME_MANAGER_WEBHOOK_POLICIES_H_

#include <vector>

#include "lib/compiler/catalogue/catalogue.h"
#include "runtime/manager/admission/workload_policies.h"
#include "runtime/manager/object_cache.h"
#include "runtime/manager/policy_check.h"

namespace varmor {

// A policy without mistakes changes workloads from its creation to its deletion, others never: its
// pods would wait for a profile that does not come. What tells is its ArmorProfile; before there is
// one, the policy's status; before that, CheckPolicy. Enforcers, target and mode are those of the
// ArmorProfile, since an update may be refused.
std::vector<WorkloadPolicy> WebhookPolicies(const std::vector<ObjectPointer>& policies,
                                            const ObjectCache& profiles,
                                            const PolicyFeatures& features,
                                            const OptOutDefaults& opt_out,
                                            const Catalogue& catalogue);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_WEBHOOK_POLICIES_H_
