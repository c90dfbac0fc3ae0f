#include "lib/compiler/resolve/resolve_bpf.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "lib/compiler/normalise/bpf_raw_rules.h"
#include "lib/compiler/normalise/bpf_words.h"

namespace varmor {
namespace {

bool HasEffect(const Action& action) { return action.deny || action.audit || action.allow; }

void AppendBuiltin(const BuiltinRule& rule, const std::string& field, const Policy& policy,
                   const Action& action, const ClusterFacts* cluster, BpfRules& out,
                   Diagnostics& diagnostics) {
  const BpfEffects& effects = rule.bpf();
  if (!effects.not_enforceable().empty() || !HasEffect(action)) return;

  BpfRawRulesContext context;
  context.rule = rule.id();
  context.field = field;
  context.builtin = true;
  context.default_action = action;
  context.cluster = cluster;
  AppendBpfRawRules(effects.rules(), context, out, diagnostics);
  if (policy.privileged) {
    AppendBpfRawRules(effects.rules_when_privileged(), context, out, diagnostics);
  }

  const Origin origin{rule.id(), field};
  for (const int operation : effects.operations()) {
    out.operations.push_back({action, static_cast<uint32_t>(operation), origin});
  }
  uint32_t access = 0;
  for (const std::string& word : effects.disk_device_permissions()) {
    if (const BpfWord* entry = FindBpfWord(kFilePermissionWords, word); entry != nullptr) {
      access |= static_cast<uint32_t>(entry->bits);
    }
  }
  if (access != 0) out.disk_devices.push_back({action, access, false, origin});
  if (effects.disk_device_mount()) out.disk_devices.push_back({action, 0, true, origin});
}

void AppendRaw(const Policy& policy, const ClusterFacts* cluster, BpfRules& out,
               Diagnostics& diagnostics) {
  const EnhanceProtect& enhance = policy.object->spec().policy().enhance_protect();
  BpfRawRulesContext context;
  context.rule = "raw";
  context.field = "spec.policy.enhanceProtect.bpfRawRules";
  context.default_action = policy.action;
  context.cluster = cluster;
  if (policy.privileged || enhance.bpf_raw_rules().mounts().empty()) {
    AppendBpfRawRules(enhance.bpf_raw_rules(), context, out, diagnostics);
    return;
  }
  diagnostics.StrictError(
      "mounts-need-privileged", context.field + ".mounts",
      "mount rules only count when the policy is privileged; all mounts are forbidden otherwise",
      "set spec.policy.enhanceProtect.privileged to true, or remove the mount rules");
  BpfRawRules without_mounts = enhance.bpf_raw_rules();
  without_mounts.clear_mounts();
  AppendBpfRawRules(without_mounts, context, out, diagnostics);
}

// The recorded behaviour as raw rules that allow.
BpfRawRules RulesOfModel(const RecordedBpf& recorded) {
  BpfRawRules rules;
  const auto literal = [](const std::string& path) {
    std::string pattern;
    for (const char c : path) {
      if (absl::string_view("*?[]{}\\").find(c) != absl::string_view::npos) pattern += '\\';
      pattern += c;
    }
    return pattern;
  };
  for (const std::string& path : recorded.executions()) {
    BpfFileRule& rule = *rules.add_processes();
    rule.set_pattern(literal(path));
    rule.add_permissions("exec");
  }
  for (const RecordedFile& file : recorded.files()) {
    BpfFileRule& rule = *rules.add_files();
    rule.set_pattern(literal(file.path()));
    *rule.mutable_permissions() = file.permissions();
  }
  if (!recorded.capabilities().empty()) {
    *rules.add_capabilities()->mutable_names() = recorded.capabilities();
  }
  for (const RecordedSocket& socket : recorded.network().sockets()) {
    BpfSocketRule& rule = *rules.mutable_network()->add_sockets();
    if (!socket.domain().empty()) rule.add_domains(socket.domain());
    if (!socket.type().empty()) {
      rule.add_types(socket.type());
    } else if (!socket.protocol().empty()) {
      rule.add_protocols(socket.protocol());
    }
  }
  for (const RecordedEgress& egress : recorded.network().egresses()) {
    BpfDestination& rule = *rules.mutable_network()->mutable_egress()->add_to_destinations();
    rule.set_ip(egress.ip());
    for (const uint32_t port : egress.ports()) rule.add_ports()->set_port(port);
  }
  for (const RecordedPtrace& ptrace : recorded.ptraces()) {
    // One object holds them all: permissions add up.
    BpfPtraceRule& rule = *rules.mutable_ptrace();
    rule.mutable_permissions()->MergeFrom(ptrace.permissions());
    if (!ptrace.external()) rule.set_strict_mode(true);
  }
  for (const RecordedMount& mount : recorded.mounts()) {
    BpfMountRule& rule = *rules.add_mounts();
    rule.set_source_pattern(literal(mount.path()));
    rule.set_fstype(mount.type());
    *rule.mutable_flags() = mount.flags();
  }
  return rules;
}

void AppendDefense(const BpfDefense& defense, const BehaviorModel* model,
                   const ClusterFacts* cluster, BpfRules& out, Diagnostics& diagnostics) {
  const std::string field = "spec.policy.defenseInDepth.bpf";
  BpfRawRulesContext context;
  context.default_action = Action{false, false, true};
  context.knows_allow = true;
  context.cluster = cluster;
  if (defense.profile_type() == "BehaviorModel") {
    if (model == nullptr || !model->data().dynamic_result().has_bpf()) {
      diagnostics.Error("model-missing", field + ".profileType",
                        model == nullptr
                            ? "the policy's behaviour model is not given"
                            : "the behaviour model holds no recording of the BPF enforcer",
                        "give the model (--model FILE), or use profileType Custom");
    } else {
      context.rule = "model";
      context.field = field + ".profileType";
      context.builtin = true;
      AppendBpfRawRules(RulesOfModel(model->data().dynamic_result().bpf()), context, out,
                        diagnostics);
      context.builtin = false;
    }
  } else if (!defense.has_bpf_raw_rules()) {
    diagnostics.Error("custom-profile-missing", field,
                      "profileType Custom needs the allow-list in \"bpfRawRules\"",
                      "list there what is allowed; everything else is denied");
  }
  context.rule = "raw";
  context.field = field + ".bpfRawRules";
  AppendBpfRawRules(defense.bpf_raw_rules(), context, out, diagnostics);
}

}  // namespace

BpfRules ResolveBpf(const Policy& policy, const std::vector<ResolvedReference>& references,
                    const Catalogue& catalogue, const BehaviorModel* model,
                    const ClusterFacts* cluster, Diagnostics& diagnostics) {
  BpfRules out;
  out.complain = policy.complain;
  switch (policy.mode) {
    case PolicyMode::kAlwaysAllow:
    case PolicyMode::kModelingRunning:
    case PolicyMode::kModelingFinished:
      break;
    case PolicyMode::kRuntimeDefault:
      AppendBuiltin(catalogue.runtime_default(), "", policy, policy.action, cluster, out,
                    diagnostics);
      break;
    case PolicyMode::kEnhanceProtect:
      if (!policy.privileged) {
        AppendBuiltin(catalogue.runtime_default(), "", policy, policy.action, cluster, out,
                      diagnostics);
      }
      for (const ResolvedReference& resolved : references) {
        if (resolved.reference->target_group >= 0) continue;  // reported by ResolveCoverage
        AppendBuiltin(*resolved.rule, resolved.reference->field, policy, policy.action, cluster,
                      out, diagnostics);
      }
      AppendRaw(policy, cluster, out, diagnostics);
      break;
    case PolicyMode::kDefenseInDepth:
      out.default_deny = true;
      AppendDefense(policy.object->spec().policy().defense_in_depth().bpf(), model, cluster, out,
                    diagnostics);
      break;
  }
  return out;
}

}  // namespace varmor
