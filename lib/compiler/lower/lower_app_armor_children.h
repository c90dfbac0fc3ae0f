// Which executables of a policy share a child profile.
#ifndef LIB_COMPILER_LOWER_LOWER_APP_ARMOR_CHILDREN_H_
#define LIB_COMPILER_LOWER_LOWER_APP_ARMOR_CHILDREN_H_

#include <string>
#include <vector>

#include "lib/compiler/ir/app_armor_profile.h"
#include "lib/compiler/ir/app_armor_rules.h"

namespace varmor {

struct AppArmorTarget {
  std::string path;
  // That of the first rule for it; "" if the policy's rules for it do nothing here.
  std::string field;
};

struct AppArmorChild {
  // Each path once, in the order of the policy.
  std::vector<AppArmorTarget> targets;
  // Each text once, with the origins of all that asked for it.
  std::vector<AppArmorLine> lines;
};

// A rule of the policy as a line with its qualifiers.
AppArmorLine AppArmorLineOf(const AppArmorRule& rule);

// Each target occurs in exactly one child, with all rules that the policy has for it. Targets with
// the same set of rules, in whatever order, share a child. In the order of first appearance.
std::vector<AppArmorChild> JoinTargets(const std::vector<AppArmorTargetRules>& units);

}  // namespace varmor

#endif  // LIB_COMPILER_LOWER_LOWER_APP_ARMOR_CHILDREN_H_
