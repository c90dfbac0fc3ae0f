#include "lib/compiler/normalise/normalise_policy.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/policy/profile_name.h"

namespace varmor {
namespace {

PolicyMode ParseMode(const std::string& mode, bool modeling_finished) {
  if (mode == "RuntimeDefault") return PolicyMode::kRuntimeDefault;
  if (mode == "EnhanceProtect") return PolicyMode::kEnhanceProtect;
  if (mode == "DefenseInDepth") return PolicyMode::kDefenseInDepth;
  if (mode == "BehaviorModeling") {
    return modeling_finished ? PolicyMode::kModelingFinished : PolicyMode::kModelingRunning;
  }
  return PolicyMode::kAlwaysAllow;
}

EnforcerSet SelectEnforcers(EnforcerSet set, const std::vector<std::string>& only) {
  if (only.empty()) return set;
  const auto keep = [&](absl::string_view name) {
    for (const std::string& wanted : only) {
      if (absl::EqualsIgnoreCase(wanted, name)) return true;
    }
    return false;
  };
  set.app_armor = set.app_armor && keep("AppArmor");
  set.bpf = set.bpf && keep("BPF");
  set.seccomp = set.seccomp && keep("Seccomp");
  return set;
}

void AddRules(const google::protobuf::RepeatedPtrField<std::string>& names,
              BuiltinRule::Category category, const std::string& field, int target_group,
              Policy& policy) {
  for (int i = 0; i < names.size(); ++i) {
    policy.rules.push_back({category, names[i], absl::StrCat(field, "[", i, "]"), target_group});
  }
}

void NormaliseEnhanceProtect(const EnhanceProtect& enhance, Policy& policy) {
  policy.privileged = enhance.privileged();
  policy.action = Action{!enhance.allow_violations(), enhance.audit_violations(), false};
  const std::string section = "spec.policy.enhanceProtect";
  AddRules(enhance.hardening_rules(), BuiltinRule::HARDENING, section + ".hardeningRules", -1,
           policy);
  for (int i = 0; i < enhance.attack_protection_rules_size(); ++i) {
    const AttackProtectionRules& group = enhance.attack_protection_rules(i);
    const std::string field = absl::StrCat(section, ".attackProtectionRules[", i, "]");
    int target_group = -1;
    if (!group.targets().empty()) {
      target_group = static_cast<int>(policy.target_groups.size());
      policy.target_groups.push_back(
          {{group.targets().begin(), group.targets().end()}, field + ".targets"});
    }
    AddRules(group.rules(), BuiltinRule::ATTACK_PROTECTION, field + ".rules", target_group, policy);
  }
  AddRules(enhance.vul_mitigation_rules(), BuiltinRule::VULNERABILITY_MITIGATION,
           section + ".vulMitigationRules", -1, policy);
}

}  // namespace

Policy NormalisePolicy(const PolicyObject& object, absl::string_view install_namespace,
                       const std::vector<std::string>& only_enforcers, bool modeling_finished) {
  Diagnostics said_before(/*lenient=*/true);  // validation has reported the enforcers already
  const PolicyBody& body = object.spec().policy();

  Policy policy;
  policy.object = &object;
  policy.profile_name = ProfileName(object, install_namespace);
  policy.mode = ParseMode(body.mode(), modeling_finished);
  policy.named_enforcers = ParseEnforcers(body.enforcer(), "spec.policy.enforcer", said_before);
  policy.named_enforcers.network_proxy = false;  // reported by validation; nothing to compile
  policy.enforcers = SelectEnforcers(policy.named_enforcers, only_enforcers);
  policy.action = Action{true, false, false};
  switch (policy.mode) {
    case PolicyMode::kEnhanceProtect:
      NormaliseEnhanceProtect(body.enhance_protect(), policy);
      break;
    case PolicyMode::kModelingRunning:
      policy.complain = true;
      break;
    case PolicyMode::kDefenseInDepth:
      policy.complain = body.defense_in_depth().allow_violations();
      break;
    case PolicyMode::kAlwaysAllow:
    case PolicyMode::kRuntimeDefault:
    case PolicyMode::kModelingFinished:
      break;
  }
  return policy;
}

}  // namespace varmor
