// PolicyObject to Policy: words become values. Cannot fail after ValidatePolicy.
#ifndef LIB_COMPILER_NORMALISE_NORMALISE_POLICY_H_
#define LIB_COMPILER_NORMALISE_NORMALISE_POLICY_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/policy/policy.h"
#include "proto/policy.pb.h"

namespace varmor {

// `only_enforcers` (lower or mixed case names) leaves out every other enforcer; empty keeps all.
// The result points to `object`.
Policy NormalisePolicy(const PolicyObject& object, absl::string_view install_namespace,
                       const std::vector<std::string>& only_enforcers, bool modeling_finished);

}  // namespace varmor

#endif  // LIB_COMPILER_NORMALISE_NORMALISE_POLICY_H_
