// The AppArmor part of ResolveRules.
#ifndef LIB_COMPILER_RESOLVE_RESOLVE_APP_ARMOR_H_
#define LIB_COMPILER_RESOLVE_RESOLVE_APP_ARMOR_H_

#include <vector>

#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/app_armor_rules.h"
#include "lib/compiler/policy/policy.h"
#include "lib/compiler/resolve/resolve_names.h"
#include "proto/facts.pb.h"

namespace varmor {

AppArmorRules ResolveAppArmor(const Policy& policy,
                              const std::vector<ResolvedReference>& references,
                              const Catalogue& catalogue, const BehaviorModel* model,
                              Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_RESOLVE_RESOLVE_APP_ARMOR_H_
