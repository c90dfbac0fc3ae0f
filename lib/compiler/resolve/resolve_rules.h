// Policy and catalogue to rules: every name becomes its effects, every raw rule is parsed, every
// entry gets its origin and its action. Nothing enforcer-specific is decided later than lowering.
#ifndef LIB_COMPILER_RESOLVE_RESOLVE_RULES_H_
#define LIB_COMPILER_RESOLVE_RESOLVE_RULES_H_

#include <string>
#include <vector>

#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/rule_set.h"
#include "lib/compiler/policy/policy.h"
#include "proto/facts.pb.h"

namespace varmor {

// What a policy refers to and does not hold. Null: not known.
struct ResolveInputs {
  const BehaviorModel* model = nullptr;
  const ClusterFacts* cluster = nullptr;
  std::vector<std::string> architectures;
};

// With errors in `diagnostics` the result is incomplete and must not be lowered.
RuleSet ResolveRules(const Policy& policy, const Catalogue& catalogue, const ResolveInputs& inputs,
                     Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_RESOLVE_RESOLVE_RULES_H_
