// Findings about what a policy means that are no mistakes of form: rules that do nothing, denials
// that break programs, permissions that lead out of the container. docs/lint.md explains each.
#ifndef LIB_COMPILER_LINT_LINT_POLICY_H_
#define LIB_COMPILER_LINT_LINT_POLICY_H_

#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {

// Warnings and notes about `policy`, located, in the order of their places; none when it has
// errors. `result` is that of compiling it with keep_rules and `catalogue`. Silencings are not
// looked at (silence.h).
//
// Takes longer than compiling: for check, not for daemons.
Diagnostics LintPolicy(const LoadedPolicy& policy, const CompileResult& result,
                       const Catalogue& catalogue);

}  // namespace varmor

#endif  // LIB_COMPILER_LINT_LINT_POLICY_H_
