// The AppArmor enforcer's rules after resolving. Input of lower_app_armor.
#ifndef LIB_COMPILER_IR_APP_ARMOR_RULES_H_
#define LIB_COMPILER_IR_APP_ARMOR_RULES_H_

#include <string>
#include <vector>

#include "lib/compiler/apparmor/statement.h"
#include "lib/compiler/ir/origin.h"

namespace varmor {

// One effect of a built-in rule or one raw statement.
struct AppArmorRule {
  enum class Kind {
    kStatement,
    // Typed holes, one line per disk of the node.
    kDiskDeviceFile,
    kDiskDeviceMount,
  };
  Kind kind = Kind::kStatement;
  // kStatement. For a built-in rule: without qualifiers; `action` gives them. For a raw rule: with
  // its own.
  AppArmorStatement statement;
  // kDiskDeviceFile: "rw".
  std::string permissions;
  Action action;
  bool builtin = false;
  Origin origin;
};

// Rules for some executables only, in the order of the policy: one unit per group and target.
struct AppArmorTargetRules {
  // Absolute path without glob characters.
  std::string target;
  std::vector<AppArmorRule> rules;
};

struct AppArmorRules {
  enum class Base {
    kAllowAll,        // AlwaysAllow, finished modelling, privileged EnhanceProtect
    kRuntimeDefault,  // RuntimeDefault, unprivileged EnhanceProtect
    kEmpty,           // running BehaviorModeling, loaded in complain mode
    kText,            // DefenseInDepth: the profile in `base_text`
  };
  Base base = Base::kAllowAll;
  // Qualifier of the runtime-default base.
  Action base_action;
  // kText: the whole profile, and the field it stands in.
  std::string base_text;
  Origin base_origin;
  bool complain = false;
  // In order: hardening, attack protection, vulnerability mitigation, raw.
  std::vector<AppArmorRule> rules;
  std::vector<AppArmorTargetRules> target_rules;
};

}  // namespace varmor

#endif  // LIB_COMPILER_IR_APP_ARMOR_RULES_H_
