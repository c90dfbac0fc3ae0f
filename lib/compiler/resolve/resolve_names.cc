#include "lib/compiler/resolve/resolve_names.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

absl::string_view CategoryField(BuiltinRule::Category category) {
  switch (category) {
    case BuiltinRule::HARDENING:
      return "hardeningRules";
    case BuiltinRule::ATTACK_PROTECTION:
      return "attackProtectionRules";
    case BuiltinRule::VULNERABILITY_MITIGATION:
      return "vulMitigationRules";
    default:
      return "";
  }
}

void ReportUnknown(const RuleReference& reference, const Catalogue& catalogue,
                   Diagnostics& diagnostics) {
  const std::string name = NormaliseRuleName(absl::StripAsciiWhitespace(reference.name));
  std::string nearest = NearestWord(name, catalogue.Names(reference.category));
  std::string where;
  for (const BuiltinRule::Category category :
       {BuiltinRule::HARDENING, BuiltinRule::ATTACK_PROTECTION,
        BuiltinRule::VULNERABILITY_MITIGATION}) {
    if (!nearest.empty()) break;
    nearest = NearestWord(name, catalogue.Names(category));
    if (!nearest.empty()) where = absl::StrCat(" (it belongs in ", CategoryField(category), ")");
  }
  diagnostics.StrictError("unknown-rule", reference.field,
                          absl::StrCat("unknown built-in rule ", Quoted(reference.name)),
                          nearest.empty() ? "`varmor rules` lists all built-in rules"
                                          : absl::StrCat("did you mean \"", nearest, "\"?", where));
}

}  // namespace

std::vector<ResolvedReference> ResolveNames(const Policy& policy, const Catalogue& catalogue,
                                            Diagnostics& diagnostics) {
  std::vector<ResolvedReference> resolved;
  std::map<std::pair<const BuiltinRule*, int>, const RuleReference*> seen;
  for (const RuleReference& reference : policy.rules) {
    const BuiltinRule* rule = catalogue.Find(NormaliseRuleName(reference.name));
    if (rule == nullptr) {
      ReportUnknown(reference, catalogue, diagnostics);
      continue;
    }
    if (rule->category() != reference.category) {
      diagnostics.StrictError("rule-category", reference.field,
                              absl::StrCat("rule ", Quoted(reference.name), " does not belong in ",
                                           CategoryField(reference.category)),
                              absl::StrCat("move it to ", CategoryField(rule->category())));
      continue;
    }
    const auto [it, inserted] =
        seen.emplace(std::make_pair(rule, reference.target_group), &reference);
    if (!inserted) {
      diagnostics.Warning(
          "duplicate-rule", reference.field,
          absl::StrCat("rule ", Quoted(reference.name), " is already given at ", it->second->field),
          "remove one of them");
      continue;
    }
    if (!rule->removed_in().empty()) {
      diagnostics.Warning("removed-rule", reference.field,
                          absl::StrCat("vArmor dropped rule ", Quoted(rule->id()), " in ",
                                       rule->removed_in(), " and ignores it since; it works here"),
                          "");
    }
    resolved.push_back({&reference, rule});
  }
  return resolved;
}

}  // namespace varmor
