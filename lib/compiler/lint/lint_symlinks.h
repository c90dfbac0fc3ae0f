// Denials of paths that are symbolic links: pattern-names-symlink. Enforcers see the path that a
// link leads to, so such a rule matches nothing, silently.
#ifndef LIB_COMPILER_LINT_LINT_SYMLINKS_H_
#define LIB_COMPILER_LINT_LINT_SYMLINKS_H_

#include "lib/compiler/compile.h"
#include "lib/compiler/lint/claim.h"
#include "proto/policy.pb.h"

namespace varmor {

// Looks at raw rules, and at targets of mode EnhanceProtect.
void LintSymlinks(const PolicyObject& policy, const CompileResult& result, const Claims& claims,
                  LintBudget& budget, Diagnostics& findings);

}  // namespace varmor

#endif  // LIB_COMPILER_LINT_LINT_SYMLINKS_H_
