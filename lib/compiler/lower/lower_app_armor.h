// AppArmor rules -> one profile with its children, line by line.
#ifndef LIB_COMPILER_LOWER_LOWER_APP_ARMOR_H_
#define LIB_COMPILER_LOWER_LOWER_APP_ARMOR_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/app_armor_profile.h"
#include "lib/compiler/ir/app_armor_rules.h"

namespace varmor {

// Lowers `rules` to the profile `profile_name`.
//
// The sections are: the base, built-in rules, raw rules, and what connects the profile with its
// children. Lines that would occur twice are kept once, with the origins of both. Children are
// named child_0, child_1, ... in the order in which the policy first names one of their targets;
// targets whose rules are the same, in whatever order, share a child. Targets must be absolute and
// free of glob characters.
//
// Not visible here: a process with no_new_privs may not be able to execute a target at all, since
// the kernel then refuses a change to a profile that allows more (W-19).
//
// kText: the text keeps its own rules; ours go to the end of its main profile, whose name has to be
// `profile_name` (error "profile-name" unless lenient, which renames it).
//
// Rules that the parser would refuse for conflicting exec modifiers are errors at the field of the
// later rule; permissions that a denial takes away again give a warning. With an error in
// `diagnostics` the profile must not be used. Returns INTERNAL for what resolving should have
// refused.
absl::StatusOr<AppArmorProfile> LowerAppArmor(const AppArmorRules& rules,
                                              absl::string_view profile_name,
                                              Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_LOWER_LOWER_APP_ARMOR_H_
