// Rules that change nothing because of other rules: shadowed-rule, implied-rule,
// covered-by-default, deny-swallows-allow, deny-narrows-allow, enforcer-without-rules.
#ifndef LIB_COMPILER_LINT_LINT_SUPERFLUOUS_H_
#define LIB_COMPILER_LINT_LINT_SUPERFLUOUS_H_

#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/lint/claim.h"

namespace varmor {

void LintSuperfluousRules(const CompileResult& result, const Claims& claims,
                          const Catalogue& catalogue, LintBudget& budget, Diagnostics& findings);

// For mode EnhanceProtect.
void LintIdleEnforcers(const CompileResult& result, const Claims& claims, Diagnostics& findings);

}  // namespace varmor

#endif  // LIB_COMPILER_LINT_LINT_SUPERFLUOUS_H_
