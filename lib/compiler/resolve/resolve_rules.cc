#include "lib/compiler/resolve/resolve_rules.h"

#include "absl/strings/str_cat.h"
#include "lib/compiler/resolve/resolve_app_armor.h"
#include "lib/compiler/resolve/resolve_bpf.h"
#include "lib/compiler/resolve/resolve_coverage.h"
#include "lib/compiler/resolve/resolve_names.h"
#include "lib/compiler/resolve/resolve_seccomp.h"

namespace varmor {
namespace {

bool HasRules(const BpfRawRules& rules) {
  const BpfNetworkRules& network = rules.network();
  const BpfEgressRules& egress = network.egress();
  return !rules.files().empty() || !rules.processes().empty() || rules.has_ptrace() ||
         !rules.mounts().empty() || !rules.capabilities().empty() || !network.sockets().empty() ||
         !network.egresses().empty() || !egress.to_destinations().empty() ||
         !egress.to_services().empty() || !egress.to_pods().empty();
}

// Raw rules for an enforcer that the policy does not name would be dead text.
void ReportRulesWithoutEnforcer(const Policy& policy, Diagnostics& diagnostics) {
  const EnhanceProtect& enhance = policy.object->spec().policy().enhance_protect();
  const struct {
    bool present;
    bool named;
    absl::string_view key;
    absl::string_view enforcer;
  } lists[] = {
      {!enhance.app_armor_raw_rules().empty(), policy.named_enforcers.app_armor, "appArmorRawRules",
       "AppArmor"},
      {HasRules(enhance.bpf_raw_rules()), policy.named_enforcers.bpf, "bpfRawRules", "BPF"},
      {!enhance.syscall_raw_rules().empty(), policy.named_enforcers.seccomp, "syscallRawRules",
       "Seccomp"},
  };
  for (const auto& list : lists) {
    if (!list.present || list.named) continue;
    diagnostics.StrictError(
        "rules-without-enforcer", absl::StrCat("spec.policy.enhanceProtect.", list.key),
        absl::StrCat("the policy's enforcers do not include ", list.enforcer,
                     ", so these rules have no effect"),
        absl::StrCat("add ", list.enforcer, " to spec.policy.enforcer, or remove the rules"));
  }
}

void ReportSilentSwitches(const Policy& policy, Diagnostics& diagnostics) {
  if (policy.action.deny || policy.action.audit) return;
  diagnostics.Warning("rules-without-effect", "spec.policy.enhanceProtect.allowViolations",
                      "allowViolations without auditViolations: built-in rules neither block nor "
                      "report anything",
                      "set auditViolations to true to see what would be blocked");
}

// A model belongs to one profile: another one's would allow what that workload did.
void CheckModelName(const Policy& policy, const BehaviorModel* model, Diagnostics& diagnostics) {
  if (model == nullptr || model->metadata().name().empty()) return;
  if (model->metadata().name() == policy.profile_name) return;
  const DefenseInDepth& defense = policy.object->spec().policy().defense_in_depth();
  const struct {
    bool used;
    absl::string_view key;
  } sections[] = {
      {defense.app_armor().profile_type() == "BehaviorModel", "appArmor"},
      {defense.seccomp().profile_type() == "BehaviorModel", "seccomp"},
      {defense.bpf().profile_type() == "BehaviorModel", "bpf"},
  };
  for (const auto& section : sections) {
    if (!section.used) continue;
    diagnostics.StrictError(
        "model-name", absl::StrCat("spec.policy.defenseInDepth.", section.key, ".profileType"),
        absl::StrCat("the behaviour model is called ", Quoted(model->metadata().name()),
                     "; that of this policy is called ", Quoted(policy.profile_name)),
        "give this policy's model");
    return;
  }
}

}  // namespace

RuleSet ResolveRules(const Policy& policy, const Catalogue& catalogue, const ResolveInputs& inputs,
                     Diagnostics& diagnostics) {
  RuleSet out;
  out.profile_name = policy.profile_name;
  out.complain = policy.complain;

  std::vector<ResolvedReference> references;
  if (policy.mode == PolicyMode::kEnhanceProtect) {
    ReportSilentSwitches(policy, diagnostics);
    references = ResolveNames(policy, catalogue, diagnostics);
    out.coverage = ResolveCoverage(policy, references, diagnostics);
    ReportRulesWithoutEnforcer(policy, diagnostics);
  }
  if (policy.mode == PolicyMode::kDefenseInDepth) {
    CheckModelName(policy, inputs.model, diagnostics);
  }
  if (policy.enforcers.empty() && !policy.named_enforcers.empty()) {
    diagnostics.Warning("no-enforcer-left", "spec.policy.enforcer",
                        absl::StrCat("the policy is for ", EnforcerSetName(policy.named_enforcers),
                                     ", none of which was asked for: there is no artifact"),
                        "ask for one of its enforcers");
  }
  if (policy.enforcers.app_armor) {
    out.app_armor = ResolveAppArmor(policy, references, catalogue, inputs.model, diagnostics);
  }
  if (policy.enforcers.bpf) {
    out.bpf = ResolveBpf(policy, references, catalogue, inputs.model, inputs.cluster, diagnostics);
  }
  if (policy.enforcers.seccomp) {
    out.seccomp =
        ResolveSeccomp(policy, references, inputs.model, inputs.architectures, diagnostics);
  }
  return out;
}

}  // namespace varmor
