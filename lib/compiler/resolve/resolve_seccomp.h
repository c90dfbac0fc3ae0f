// The seccomp part of ResolveRules.
#ifndef LIB_COMPILER_RESOLVE_RESOLVE_SECCOMP_H_
#define LIB_COMPILER_RESOLVE_RESOLVE_SECCOMP_H_

#include <string>
#include <vector>

#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/seccomp_rules.h"
#include "lib/compiler/policy/policy.h"
#include "lib/compiler/resolve/resolve_names.h"
#include "proto/facts.pb.h"

namespace varmor {

SeccompRules ResolveSeccomp(const Policy& policy, const std::vector<ResolvedReference>& references,
                            const BehaviorModel* model,
                            const std::vector<std::string>& architectures,
                            Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_RESOLVE_RESOLVE_SECCOMP_H_
