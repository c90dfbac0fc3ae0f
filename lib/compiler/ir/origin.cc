#include "lib/compiler/ir/origin.h"

namespace varmor {

std::string ActionName(const Action& action) {
  if (action.deny) return action.audit ? "audit deny" : "deny";
  if (action.allow) return action.audit ? "audit allow" : "allow";
  return action.audit ? "audit" : "none";
}

}  // namespace varmor
