// What an AppArmor profile allows and forbids before any rule of a policy is added.
#ifndef LIB_COMPILER_LOWER_LOWER_APP_ARMOR_BASE_H_
#define LIB_COMPILER_LOWER_LOWER_APP_ARMOR_BASE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/ir/app_armor_profile.h"
#include "lib/compiler/ir/app_armor_rules.h"

namespace varmor {

// Gives a rule that has no qualifiers those of `action`. Executing is forbidden with "x", but can
// only be allowed with a word for the new process's profile: "ix" keeps the caller's.
AppArmorStatement QualifiedStatement(AppArmorStatement statement, const Action& action);

// A line that no rule of the policy asked for.
AppArmorLine FrameLine(AppArmorStatement statement, absl::string_view origin_rule = "");

// Everything is allowed; what a policy denies is all that is denied.
AppArmorSection AllowAllBase();

// What container runtimes allow by default: files but for the kernel's own, no mounts, signals and
// ptrace among the container's processes. What they forbid has the qualifiers of `action`.
// `profile` is the name of the profile it is for, `parent` that of its parent when it is a child.
AppArmorSection RuntimeDefaultBase(const std::string& profile, const std::string& parent,
                                   const Action& action);

// Signals and ptrace among the processes of `profile`, and from `parent`: all that a child of a
// profile that denies by default may do.
AppArmorSection DenyAllChildBase(const std::string& profile, const std::string& parent);

// What lets a parent signal and trace its child.
std::vector<AppArmorLine> LinesAboutChild(const std::string& child);

}  // namespace varmor

#endif  // LIB_COMPILER_LOWER_LOWER_APP_ARMOR_BASE_H_
