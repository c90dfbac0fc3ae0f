// A policy after validation: no optionals to think about, words turned into values, every item with
// its field. What only a parser of its own understands (raw rules, custom profiles) stays in the
// message until it is resolved.
#ifndef LIB_COMPILER_POLICY_POLICY_H_
#define LIB_COMPILER_POLICY_POLICY_H_

#include <string>
#include <vector>

#include "lib/compiler/ir/origin.h"
#include "lib/compiler/policy/enforcer_set.h"
#include "proto/builtin_rule.pb.h"
#include "proto/policy.pb.h"

namespace varmor {

enum class PolicyMode {
  kAlwaysAllow,
  kRuntimeDefault,
  kEnhanceProtect,
  kModelingRunning,
  kModelingFinished,
  kDefenseInDepth,
};

// A built-in rule that the policy asks for.
struct RuleReference {
  BuiltinRule::Category category = BuiltinRule::CATEGORY_UNSPECIFIED;
  // As written.
  std::string name;
  std::string field;
  // Index of the attack-protection group with targets; -1 when the rule is for every process.
  int target_group = -1;
};

// An attack-protection group that is restricted to executables.
struct TargetGroup {
  std::vector<std::string> targets;
  // Field of the list; item i is at field[i].
  std::string field;
};

struct Policy {
  std::string profile_name;
  PolicyMode mode = PolicyMode::kAlwaysAllow;
  // Those to compile for, and those that the policy names (a caller may ask for fewer).
  EnforcerSet enforcers;
  EnforcerSet named_enforcers;
  bool privileged = false;
  // What built-in rules and the runtime-default base do, and raw rules without qualifiers.
  Action action;
  // The profile is loaded so that it reports and does not block.
  bool complain = false;
  // Hardening, attack protection, vulnerability mitigation, in the policy's order.
  std::vector<RuleReference> rules;
  std::vector<TargetGroup> target_groups;
  // Owned by the caller; outlives the Policy.
  const PolicyObject* object = nullptr;
};

}  // namespace varmor

#endif  // LIB_COMPILER_POLICY_POLICY_H_
