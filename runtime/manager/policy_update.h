// What a policy may become. The webhook and the controller ask the same question.
#ifndef RUNTIME_MANAGER_POLICY_UPDATE_H_
#define RUNTIME_MANAGER_POLICY_UPDATE_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/manager/policy_check.h"
#include "runtime/protocol/json_fields.h"

namespace varmor {

// Why a policy with `before` as its `spec` and `phase` as its `status.phase` ("" when it has none)
// must not get `after` as its `spec`; all reasons, in the order of their codes:
//   U1  the target says something else
//   U3  the mode leaves BehaviorModeling while phase is Modeling
//   U4  AppArmor, Seccomp or NetworkProxy was named and is not any more: pods that run refer to it
//   U5  the enforcers change in mode BehaviorModeling while phase is Modeling
// What is wrong with `after` by itself (an unknown enforcer, a missing section) is for CheckPolicy.
// A `before` with an unknown enforcer does not forbid another one.
std::vector<PolicyProblem> CheckUpdate(const Json& before, const Json& after,
                                       absl::string_view phase);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_POLICY_UPDATE_H_
