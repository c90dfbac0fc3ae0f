#include "lib/compiler/resolve/resolve_seccomp.h"

#include "absl/strings/str_cat.h"
#include "lib/compiler/resolve/model_text.h"
#include "lib/compiler/seccomp/validate_syscalls.h"

namespace varmor {
namespace {

using Syscalls = google::protobuf::RepeatedPtrField<LinuxSyscall>;

void AppendBuiltin(const ResolvedReference& resolved, const Action& action, SeccompRules& out) {
  const SeccompEffects& effects = resolved.rule->seccomp();
  // Seccomp either refuses or logs; without either the rule asks for nothing.
  if (!effects.not_enforceable().empty() || (!action.deny && !action.audit)) return;
  for (const SeccompEffect& effect : effects.syscalls()) {
    SeccompRule rule;
    rule.names.assign(effect.names().begin(), effect.names().end());
    rule.action = action.deny ? "SCMP_ACT_ERRNO" : "SCMP_ACT_LOG";
    if (action.deny && effect.errno_ret() != 0) rule.errno_ret = effect.errno_ret();
    for (const LinuxSeccompArg& arg : effect.args()) {
      rule.args.push_back({arg.index(), arg.value(), arg.value_two(), arg.op()});
    }
    rule.only_architectures.assign(effect.only_architectures().begin(),
                                   effect.only_architectures().end());
    rule.except_architectures.assign(effect.except_architectures().begin(),
                                     effect.except_architectures().end());
    rule.origin = {resolved.rule->id(), resolved.reference->field};
    rule.builtin = true;
    out.rules.push_back(std::move(rule));
  }
}

void AppendRaw(const Syscalls& syscalls, const std::string& field, const SyscallContext& context,
               SeccompRules& out, Diagnostics& diagnostics) {
  ValidateSyscalls(syscalls, field, context, diagnostics);
  for (int i = 0; i < syscalls.size(); ++i) {
    out.rules.push_back(RawSeccompRule(syscalls[i], absl::StrCat(field, "[", i, "]")));
  }
}

void ResolveDefense(const DefenseInDepth& defense, const BehaviorModel* model,
                    const std::vector<std::string>& architectures, SeccompRules& out,
                    Diagnostics& diagnostics) {
  const std::string field = "spec.policy.defenseInDepth.seccomp";
  out.base = SeccompRules::Base::kText;
  out.log_instead_of_errno = defense.allow_violations();
  if (defense.seccomp().profile_type() == "BehaviorModel") {
    out.base_text = ModelSeccompText(model, field + ".profileType", diagnostics);
    out.base_origin = {"model", field + ".profileType"};
  } else {
    out.base_text = defense.seccomp().custom_profile();
    out.base_origin = {"custom", field + ".customProfile"};
  }
  SyscallContext context;
  context.default_action = out.log_instead_of_errno ? "SCMP_ACT_LOG" : "SCMP_ACT_ERRNO";
  context.architectures = architectures;
  AppendRaw(defense.seccomp().syscall_raw_rules(), field + ".syscallRawRules", context, out,
            diagnostics);
}

}  // namespace

SeccompRules ResolveSeccomp(const Policy& policy, const std::vector<ResolvedReference>& references,
                            const BehaviorModel* model,
                            const std::vector<std::string>& architectures,
                            Diagnostics& diagnostics) {
  SeccompRules out;
  const PolicyBody& body = policy.object->spec().policy();
  switch (policy.mode) {
    case PolicyMode::kAlwaysAllow:
    case PolicyMode::kRuntimeDefault:
    case PolicyMode::kModelingFinished:
      out.base = SeccompRules::Base::kAllowAll;
      break;
    case PolicyMode::kModelingRunning:
      out.base = SeccompRules::Base::kRecord;
      break;
    case PolicyMode::kEnhanceProtect: {
      out.base = SeccompRules::Base::kBlockList;
      for (const ResolvedReference& resolved : references) {
        if (resolved.reference->target_group >= 0) continue;  // reported by ResolveCoverage
        AppendBuiltin(resolved, policy.action, out);
      }
      SyscallContext context;
      context.architectures = architectures;
      AppendRaw(body.enhance_protect().syscall_raw_rules(),
                "spec.policy.enhanceProtect.syscallRawRules", context, out, diagnostics);
      break;
    }
    case PolicyMode::kDefenseInDepth:
      ResolveDefense(body.defense_in_depth(), model, architectures, out, diagnostics);
      break;
  }
  return out;
}

}  // namespace varmor
