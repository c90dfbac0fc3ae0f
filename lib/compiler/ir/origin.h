// Where an entry comes from, and what happens when it matches.
#ifndef LIB_COMPILER_IR_ORIGIN_H_
#define LIB_COMPILER_IR_ORIGIN_H_

#include <string>

namespace varmor {

struct Origin {
  // Id of a built-in rule, or "runtime-default", "raw", "model", "custom".
  std::string rule;
  // "spec.policy.enhanceProtect.hardeningRules[0]"; "" for what no field asked for.
  std::string field;

  bool operator==(const Origin& other) const { return rule == other.rule && field == other.field; }
};

// What a rule does when it matches. An explicit denial wins over an explicit permission, which wins
// over the profile's default. All false: the rule has no effect.
struct Action {
  bool deny = false;
  bool audit = false;
  // Only in profiles that deny by default.
  bool allow = false;

  bool operator==(const Action& other) const {
    return deny == other.deny && audit == other.audit && allow == other.allow;
  }
};

// "deny", "audit deny", "audit", "allow", "audit allow" or "none".
std::string ActionName(const Action& action);

}  // namespace varmor

#endif  // LIB_COMPILER_IR_ORIGIN_H_
