// What resolving makes of a policy: for each enforcer the rules it has to carry out.
#ifndef LIB_COMPILER_IR_RULE_SET_H_
#define LIB_COMPILER_IR_RULE_SET_H_

#include <optional>
#include <string>
#include <vector>

#include "lib/compiler/ir/app_armor_rules.h"
#include "lib/compiler/ir/bpf_rules.h"
#include "lib/compiler/ir/coverage.h"
#include "lib/compiler/ir/seccomp_rules.h"

namespace varmor {

struct RuleSet {
  std::string profile_name;
  bool complain = false;
  // Set for every enforcer the policy names (and the caller did not switch off).
  std::optional<AppArmorRules> app_armor;
  std::optional<BpfRules> bpf;
  std::optional<SeccompRules> seccomp;
  std::vector<Coverage> coverage;
};

}  // namespace varmor

#endif  // LIB_COMPILER_IR_RULE_SET_H_
