// From a parsed statement to what it means: variables replaced, words resolved.
#ifndef LIB_COMPILER_SIMULATE_APP_ARMOR_RULE_READER_H_
#define LIB_COMPILER_SIMULATE_APP_ARMOR_RULE_READER_H_

#include "absl/strings/string_view.h"
#include "lib/compiler/apparmor/aare.h"
#include "lib/compiler/apparmor/statement.h"
#include "lib/compiler/simulate/app_armor_rule.h"

namespace varmor {

// A pattern with its automaton; undecidable when a variable has no value or it is too large.
AppArmorPattern MakeAppArmorPattern(absl::string_view text, const AppArmorVariables& variables);

// The contents of the rule, everything but `indexes`, `include` and `implied`. `disk` is the path
// that stands for a disk of the node; "" when the statement is no hole.
AppArmorRuleModel ReadAppArmorRule(const AppArmorStatement& statement,
                                   const AppArmorVariables& variables, absl::string_view disk);

// The forms of a mount or remount rule; app_armor_mount.cc.
AppArmorMountRule ReadAppArmorMountRule(const AppArmorStatement& statement,
                                        const AppArmorVariables& variables, absl::string_view disk);

// MS_* of the words of `options` in mount rules: what a word asks to be set, and what to be clear.
struct AppArmorMountBits {
  uint32_t set = 0;
  uint32_t clear = 0;
};
// By canonical word (MountFlag). Zero for "norelatime", which the parser knows and ignores.
AppArmorMountBits AppArmorMountFlagBits(absl::string_view word);

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_APP_ARMOR_RULE_READER_H_
