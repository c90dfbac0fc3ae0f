// The names of built-in rules in a policy, looked up in the catalogue.
#ifndef LIB_COMPILER_RESOLVE_RESOLVE_NAMES_H_
#define LIB_COMPILER_RESOLVE_RESOLVE_NAMES_H_

#include <vector>

#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/policy/policy.h"

namespace varmor {

struct ResolvedReference {
  const RuleReference* reference = nullptr;
  const BuiltinRule* rule = nullptr;
};

// In the policy's order. Left out, and reported: unknown names, names of another category, names
// that were given before (in the same group).
std::vector<ResolvedReference> ResolveNames(const Policy& policy, const Catalogue& catalogue,
                                            Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_RESOLVE_RESOLVE_NAMES_H_
