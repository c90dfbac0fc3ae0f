#include "lib/compiler/catalogue/testing/rule_examples.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace varmor {

std::string RuleList(const BuiltinRule& rule, absl::string_view name) {
  switch (rule.category()) {
    case BuiltinRule::ATTACK_PROTECTION:
      return absl::StrCat("attackProtectionRules: [{rules: [", name, "]}]");
    case BuiltinRule::VULNERABILITY_MITIGATION:
      return absl::StrCat("vulMitigationRules: [", name, "]");
    default:
      return absl::StrCat("hardeningRules: [", name, "]");
  }
}

std::string PolicyOfEnforcer(absl::string_view enforcer, absl::string_view more) {
  return absl::StrCat(
      "apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\n"
      "metadata: {name: demo, namespace: shop}\nspec:\n  target: {kind: Deployment, name: web}\n"
      "  policy:\n    enforcer: ",
      enforcer, "\n", more);
}

std::string EnhanceProtectWith(const BuiltinRule& rule, absl::string_view switches) {
  return absl::StrCat("    mode: EnhanceProtect\n    enhanceProtect:\n      ",
                      RuleList(rule, rule.id()), "\n", switches);
}

bool IsExampleFor(const Event& event, absl::string_view enforcer) {
  return event.enforcers().empty() ||
         std::count(event.enforcers().begin(), event.enforcers().end(), std::string(enforcer)) > 0;
}

}  // namespace varmor
