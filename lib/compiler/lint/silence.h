// What people say about findings that are meant so: an annotation of the policy,
//
//   metadata:
//     annotations:
//       varmor.dev/ignore-breaks-name-resolution: "the program needs no names"
//
// or a comment above a line, or at its end:
//
//   # varmor: ignore shadowed-rule because it stays when the group is split
//   - pattern: /etc/shadow
#ifndef LIB_COMPILER_LINT_SILENCE_H_
#define LIB_COMPILER_LINT_SILENCE_H_

#include <cstddef>
#include <vector>

#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {

// Takes silenced findings out of the diagnostics of `results`, which is parallel to `policies`, and
// returns how many. An annotation is for the whole policy; a comment for what begins in its line:
// with the first line of a list's item, for the whole item.
//
// Silencings without a reason, or of lints that do not exist, are errors and silence nothing. One
// that has nothing to silence is a warning, if `all_lints_ran` and its policy has no errors.
size_t SilenceFindings(const std::vector<PolicySource>& sources,
                       const std::vector<LoadedPolicy>& policies, bool all_lints_ran,
                       std::vector<CompileResult>& results);

}  // namespace varmor

#endif  // LIB_COMPILER_LINT_SILENCE_H_
