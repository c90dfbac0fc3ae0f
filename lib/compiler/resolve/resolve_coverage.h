// Which built-in rules take effect under which enforcers, and a report of those that take none.
#ifndef LIB_COMPILER_RESOLVE_RESOLVE_COVERAGE_H_
#define LIB_COMPILER_RESOLVE_RESOLVE_COVERAGE_H_

#include <vector>

#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/rule_set.h"
#include "lib/compiler/policy/policy.h"
#include "lib/compiler/resolve/resolve_names.h"

namespace varmor {

// One entry per rule and enforcer to compile for. Adds a strict error for every rule that none of
// the policy's enforcers can carry out.
std::vector<Coverage> ResolveCoverage(const Policy& policy,
                                      const std::vector<ResolvedReference>& references,
                                      Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_RESOLVE_RESOLVE_COVERAGE_H_
