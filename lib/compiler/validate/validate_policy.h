// What the schema cannot say: which fields need which others. Raw rules and rule names are checked
// where they are resolved.
#ifndef LIB_COMPILER_VALIDATE_VALIDATE_POLICY_H_
#define LIB_COMPILER_VALIDATE_VALIDATE_POLICY_H_

#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "proto/policy.pb.h"

namespace varmor {

// Adds every mistake to `diagnostics`, in the order of the fields. A policy without errors among
// them can be normalised.
void ValidatePolicy(const PolicyObject& object, absl::string_view install_namespace,
                    Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_VALIDATE_VALIDATE_POLICY_H_
