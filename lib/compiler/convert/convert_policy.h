// Rewrites a policy of any schema generation in the newest form.
#ifndef LIB_COMPILER_CONVERT_CONVERT_POLICY_H_
#define LIB_COMPILER_CONVERT_CONVERT_POLICY_H_

#include <string>
#include <vector>

#include "lib/compiler/load/load_policy.h"

namespace varmor {

// The policy as YAML that loads without diagnostics and means the same:
//   - `egresses` becomes `egress.toDestinations`;
//   - BPF rules say their `qualifiers` themselves, as auditViolations and allowViolations had it;
//   - raw AppArmor rules are objects; rule names, enforcer words and the permission "e" are spelt
//     the usual way;
//   - keys stand in the order of the schema.
// Labels and annotations stay; what only a server writes (status, uid, ...) goes. Comments are
// lost.
//
// `remarks` gets one sentence for each thing that a reader should know. `policy` is valid, else the
// result is empty and a remark says so.
std::string ConvertPolicy(const LoadedPolicy& policy, std::vector<std::string>* remarks);

}  // namespace varmor

#endif  // LIB_COMPILER_CONVERT_CONVERT_POLICY_H_
