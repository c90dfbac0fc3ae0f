// Denials that reach further than anybody means, and denials with a hole that everybody knows:
// breaks-programs, breaks-name-resolution, audits-everything, incomplete-syscall-group.
#ifndef LIB_COMPILER_LINT_LINT_BROAD_H_
#define LIB_COMPILER_LINT_LINT_BROAD_H_

#include "lib/compiler/compile.h"
#include "lib/compiler/lint/claim.h"

namespace varmor {

// Looks at raw rules; built-in ones are tested against what programs need.
void LintBroadDenials(const CompileResult& result, const Claims& claims, LintBudget& budget,
                      Diagnostics& findings);

}  // namespace varmor

#endif  // LIB_COMPILER_LINT_LINT_BROAD_H_
