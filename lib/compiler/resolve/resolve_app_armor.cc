#include "lib/compiler/resolve/resolve_app_armor.h"

#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/apparmor/check_target.h"
#include "lib/compiler/apparmor/parse_statements.h"
#include "lib/compiler/resolve/model_text.h"

namespace varmor {
namespace {

using RawRules = google::protobuf::RepeatedPtrField<AppArmorRawRules>;

std::vector<AppArmorRule> StatementsOf(const ResolvedReference& resolved, const Action& action,
                                       const Catalogue& catalogue) {
  std::vector<AppArmorRule> rules;
  const AppArmorEffects& effects = resolved.rule->app_armor();
  if (!effects.not_enforceable().empty()) return rules;

  AppArmorRule rule;
  rule.action = action;
  rule.builtin = true;
  rule.origin = {resolved.rule->id(), resolved.reference->field};
  for (const AppArmorStatement& statement : catalogue.AppArmorStatements(*resolved.rule)) {
    rules.push_back(rule);
    rules.back().statement = statement;
  }
  if (!effects.disk_device_permissions().empty()) {
    rule.kind = AppArmorRule::Kind::kDiskDeviceFile;
    rule.permissions = effects.disk_device_permissions();
    rules.push_back(rule);
  }
  if (effects.disk_device_mount()) {
    rule.kind = AppArmorRule::Kind::kDiskDeviceMount;
    rule.permissions.clear();
    rules.push_back(rule);
  }
  return rules;
}

std::vector<AppArmorRule> ReadRawItem(const AppArmorRawRules& item, const std::string& field,
                                      Diagnostics& diagnostics) {
  std::vector<AppArmorRule> rules;
  for (AppArmorStatement& statement : ParseAppArmorStatements(
           item.rules(), field + ".rules", AppArmorParseOptions(), diagnostics)) {
    AppArmorRule rule;
    rule.statement = std::move(statement);
    rule.origin = {"raw", field + ".rules"};
    rules.push_back(std::move(rule));
  }
  if (rules.empty() && !diagnostics.HasErrors()) {
    diagnostics.Warning("rule-without-effect", field + ".rules", "the text holds no rule",
                        "add a rule, or remove the item");
  }
  return rules;
}

// What the base of an EnhanceProtect profile allows already; denials win over both.
bool BaseAllows(const AppArmorStatement& statement, AppArmorRules::Base base) {
  using Kind = AppArmorStatement::Kind;
  switch (statement.kind) {
    case Kind::kFile:
      // Other exec modes and targets change what the executed program may do.
      return statement.target.empty() && (statement.exec.empty() || statement.exec == "ix");
    case Kind::kCapability:
    case Kind::kNetwork:
    case Kind::kUmount:
      return true;
    case Kind::kMount:
    case Kind::kRemount:
    case Kind::kPivotRoot:
    case Kind::kPtrace:
    case Kind::kSignal:
    case Kind::kDbus:
    case Kind::kUnix:
      return base == AppArmorRules::Base::kAllowAll;
    default:
      return false;
  }
}

void WarnOfIdlePermission(const AppArmorRule& rule, AppArmorRules::Base base,
                          Diagnostics& diagnostics) {
  const AppArmorStatement& statement = rule.statement;
  if (statement.deny || statement.audit || !BaseAllows(statement, base)) return;
  diagnostics.Warning(
      "apparmor-no-effect", rule.origin.field,
      absl::StrCat("rule ", Quoted(ToString(statement)),
                   " has no effect: mode EnhanceProtect allows what no rule denies"),
      "write it with \"deny\", or list what is allowed in mode DefenseInDepth", statement.place);
}

// Rules for one executable: built-in ones in the order of a group, or one raw item.
void AddTargets(const std::vector<std::string>& targets, const std::string& field,
                const std::vector<AppArmorRule>& rules, AppArmorRules& out,
                Diagnostics& diagnostics) {
  for (size_t i = 0; i < targets.size(); ++i) {
    if (!CheckAppArmorTarget(targets[i], absl::StrCat(field, "[", i, "]"), diagnostics)) continue;
    out.target_rules.push_back({targets[i], rules});
  }
}

void AppendRaw(const RawRules& items, const std::string& field, AppArmorRules& out,
               Diagnostics& diagnostics) {
  for (int i = 0; i < items.size(); ++i) {
    const std::string place = absl::StrCat(field, "[", i, "]");
    std::vector<AppArmorRule> rules = ReadRawItem(items[i], place, diagnostics);
    if (out.base != AppArmorRules::Base::kText) {
      for (const AppArmorRule& rule : rules) WarnOfIdlePermission(rule, out.base, diagnostics);
    }
    if (items[i].targets().empty()) {
      std::move(rules.begin(), rules.end(), std::back_inserter(out.rules));
    } else {
      AddTargets({items[i].targets().begin(), items[i].targets().end()}, place + ".targets", rules,
                 out, diagnostics);
    }
  }
}

void ResolveEnhance(const Policy& policy, const std::vector<ResolvedReference>& references,
                    const Catalogue& catalogue, AppArmorRules& out, Diagnostics& diagnostics) {
  for (const ResolvedReference& resolved : references) {
    if (resolved.reference->target_group >= 0) continue;
    std::vector<AppArmorRule> rules = StatementsOf(resolved, policy.action, catalogue);
    std::move(rules.begin(), rules.end(), std::back_inserter(out.rules));
  }
  for (size_t group = 0; group < policy.target_groups.size(); ++group) {
    std::vector<AppArmorRule> rules;
    for (const ResolvedReference& resolved : references) {
      if (resolved.reference->target_group != static_cast<int>(group)) continue;
      std::vector<AppArmorRule> more = StatementsOf(resolved, policy.action, catalogue);
      std::move(more.begin(), more.end(), std::back_inserter(rules));
    }
    AddTargets(policy.target_groups[group].targets, policy.target_groups[group].field, rules, out,
               diagnostics);
  }
  AppendRaw(policy.object->spec().policy().enhance_protect().app_armor_raw_rules(),
            "spec.policy.enhanceProtect.appArmorRawRules", out, diagnostics);
}

void ResolveDefense(const Policy& policy, const BehaviorModel* model, AppArmorRules& out,
                    Diagnostics& diagnostics) {
  const std::string field = "spec.policy.defenseInDepth.appArmor";
  const AppArmorDefense& defense = policy.object->spec().policy().defense_in_depth().app_armor();
  out.base = AppArmorRules::Base::kText;
  if (defense.profile_type() == "BehaviorModel") {
    out.base_text = ModelAppArmorText(model, field + ".profileType", diagnostics);
    out.base_origin = {"model", field + ".profileType"};
  } else {
    out.base_text = defense.custom_profile();
    out.base_origin = {"custom", field + ".customProfile"};
  }
  AppendRaw(defense.app_armor_raw_rules(), field + ".appArmorRawRules", out, diagnostics);
}

}  // namespace

AppArmorRules ResolveAppArmor(const Policy& policy,
                              const std::vector<ResolvedReference>& references,
                              const Catalogue& catalogue, const BehaviorModel* model,
                              Diagnostics& diagnostics) {
  AppArmorRules out;
  out.complain = policy.complain;
  out.base_action = policy.action;
  switch (policy.mode) {
    case PolicyMode::kAlwaysAllow:
    case PolicyMode::kModelingFinished:
      out.base = AppArmorRules::Base::kAllowAll;
      break;
    case PolicyMode::kRuntimeDefault:
      out.base = AppArmorRules::Base::kRuntimeDefault;
      break;
    case PolicyMode::kModelingRunning:
      out.base = AppArmorRules::Base::kEmpty;
      break;
    case PolicyMode::kEnhanceProtect:
      out.base =
          policy.privileged ? AppArmorRules::Base::kAllowAll : AppArmorRules::Base::kRuntimeDefault;
      ResolveEnhance(policy, references, catalogue, out, diagnostics);
      break;
    case PolicyMode::kDefenseInDepth:
      ResolveDefense(policy, model, out, diagnostics);
      break;
  }
  return out;
}

}  // namespace varmor
