// The base of a DefenseInDepth profile: an OCI profile that the policy or a model brings along.
#ifndef LIB_COMPILER_LOWER_SECCOMP_TEXT_BASE_H_
#define LIB_COMPILER_LOWER_SECCOMP_TEXT_BASE_H_

#include <string>
#include <vector>

#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/seccomp_profile.h"
#include "lib/compiler/ir/seccomp_rules.h"

namespace varmor {

// Parses and checks `rules.base_text` for nodes with these architectures, and replaces its default
// action: SCMP_ACT_ERRNO, or SCMP_ACT_LOG. Entries have the base's origin. Mistakes stand in the
// base's field, with places inside the text.
SeccompProfile ReadSeccompTextBase(const SeccompRules& rules,
                                   const std::vector<std::string>& architectures,
                                   Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_LOWER_SECCOMP_TEXT_BASE_H_
