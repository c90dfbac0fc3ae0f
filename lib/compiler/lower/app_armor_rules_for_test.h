// For tests: rules as resolving makes them, and the text that becomes of them.
#ifndef LIB_COMPILER_LOWER_APP_ARMOR_RULES_FOR_TEST_H_
#define LIB_COMPILER_LOWER_APP_ARMOR_RULES_FOR_TEST_H_

#include <string>
#include <vector>

#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/app_armor_profile.h"
#include "lib/compiler/ir/app_armor_rules.h"

namespace varmor {

inline constexpr char kTestProfile[] = "varmor-demo-web";

inline constexpr Action kDeny{/*deny=*/true, /*audit=*/false, /*allow=*/false};
inline constexpr Action kAuditDeny{/*deny=*/true, /*audit=*/true, /*allow=*/false};
inline constexpr Action kAudit{/*deny=*/false, /*audit=*/true, /*allow=*/false};
inline constexpr Action kNone{};

// One rule per body, with this id and the field "FIELD".
std::vector<AppArmorRule> Builtin(const std::string& id, const std::vector<std::string>& bodies,
                                  const Action& action, const std::string& field = "builtin");

// The statements of a raw text.
std::vector<AppArmorRule> Raw(const std::string& text, const std::string& field = "raw");

std::vector<AppArmorRule> Together(const std::vector<std::vector<AppArmorRule>>& lists);

// One unit per target, as for a group of the policy.
void AddTargets(const std::vector<std::string>& targets, const std::vector<AppArmorRule>& rules,
                AppArmorRules& out);

// Expects no diagnostics.
AppArmorProfile LowerClean(const AppArmorRules& rules);

// The text without a node's disks; expects that the real parser accepts it, also with disks.
std::string AcceptedText(const AppArmorProfile& profile);

// The diagnostics of lowering, rendered.
std::string Problems(const AppArmorRules& rules, bool lenient = false);

// The last section's lines of every child, after its targets:
//   child_0 /bin/bash /bin/dash: deny /etc/** wl, | deny /etc/hostname r,
std::string Children(const AppArmorProfile& profile);

bool Holds(const std::string& text, const std::string& line);

}  // namespace varmor

#endif  // LIB_COMPILER_LOWER_APP_ARMOR_RULES_FOR_TEST_H_
