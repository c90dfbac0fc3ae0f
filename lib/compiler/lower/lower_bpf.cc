#include "lib/compiler/lower/lower_bpf.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/compiler/lower/bpf_decisions.h"
#include "lib/compiler/lower/lower_bpf_network.h"
#include "lib/compiler/lower/lower_bpf_paths.h"
#include "lib/compiler/normalise/bpf_rule_text.h"
#include "lib/compiler/policy/capability.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

// What tells two rules apart, but for their action and origin.
std::string KeyOf(const BpfFile& rule) {
  return absl::StrCat("file ", rule.access, " ", rule.pattern.text());
}

std::string KeyOf(const BpfSocket& rule) {
  return absl::StrCat("socket ", rule.domains, " ", rule.types, " ", rule.protocols);
}

std::string KeyOf(const BpfEgress& rule) {
  std::string key = absl::StrCat("egress ", rule.pod_self);
  for (const BpfPrefix& prefix : rule.prefixes) {
    absl::StrAppend(&key, " ", PrefixText(prefix));
  }
  for (const PortRange& range : rule.ports) {
    absl::StrAppend(&key, ",", range.first, "-", range.last);
  }
  return key;
}

std::string KeyOf(const BpfPtrace& rule) {
  return absl::StrCat("ptrace ", rule.permissions, " ", rule.strict);
}

std::string KeyOf(const BpfMount& rule) {
  // Sizes first: either text may hold any character.
  return absl::StrCat("mount ", rule.any, " ", rule.none, " ", rule.fstype.size(), " ", rule.fstype,
                      rule.source.text());
}

std::string KeyOf(const BpfCapability& rule) { return absl::StrCat("capability ", rule.mask); }

std::string KeyOf(const BpfOperation& rule) { return absl::StrCat("operation ", rule.operation); }

std::string KeyOf(const BpfDiskDevice& rule) {
  return absl::StrCat("disk ", rule.access, " ", rule.mount);
}

// Numbers rules and drops repetitions.
class Numberer {
 public:
  Numberer(BpfProfile& profile, size_t limit) : profile_(profile), limit_(limit) {}

  template <typename Rule>
  Numbered<Rule> Number(const std::vector<Rule>& rules) {
    Numbered<Rule> numbered;
    for (const Rule& rule : rules) {
      const std::string action = ActionName(rule.action);
      denies_ = denies_ || rule.action.deny;
      if (!seen_.insert(absl::StrCat(action, "\n", KeyOf(rule))).second) continue;
      if (profile_.rules.size() >= limit_) {
        overflow_ = true;
        continue;
      }
      numbered.emplace_back(static_cast<uint16_t>(profile_.rules.size()), &rule);
      RuleOrigin& origin = profile_.rules.emplace_back();
      origin.set_rule(rule.origin.rule);
      origin.set_field(rule.origin.field);
      origin.set_text(RuleText(rule));
      origin.set_action(action);
    }
    return numbered;
  }

  bool overflow() const { return overflow_; }
  // Whether any rule does.
  bool denies() const { return denies_; }

 private:
  BpfProfile& profile_;
  const size_t limit_;
  std::unordered_set<std::string> seen_;
  bool overflow_ = false;
  bool denies_ = false;
};

void LowerCapabilities(const Numbered<BpfCapability>& rules, varmor_profile& header) {
  const auto join = [](uint64_t mask, __u64& bits, uint16_t* first, uint16_t rule) {
    for (int i = 0; i < VARMOR_CAPABILITIES_MAX; ++i) {
      if ((mask >> i & 1) != 0 && (bits >> i & 1) == 0) first[i] = rule;
    }
    bits |= mask;
  };
  for (int i = 0; i < VARMOR_CAPABILITIES_MAX; ++i) {
    header.capability_deny_rule[i] = VARMOR_NO_RULE;
    header.capability_audit_rule[i] = VARMOR_NO_RULE;
    header.capability_allow_rule[i] = VARMOR_NO_RULE;
  }
  for (const auto& [number, rule] : rules) {
    const Action& action = rule->action;
    if (action.deny) join(rule->mask, header.capability_deny, header.capability_deny_rule, number);
    if (action.audit) {
      join(rule->mask, header.capability_audit, header.capability_audit_rule, number);
    }
    if (action.allow) {
      join(rule->mask, header.capability_allow, header.capability_allow_rule, number);
    }
  }
}

void LowerPtrace(const Numbered<BpfPtrace>& rules, varmor_profile& header) {
  header.ptrace_other = EmptyDecision();
  header.ptrace_same = EmptyDecision();
  for (const auto& [number, rule] : rules) {
    Join(header.ptrace_other, rule->permissions, rule->action, number);
    if (rule->strict) Join(header.ptrace_same, rule->permissions, rule->action, number);
  }
}

void LowerOperations(const Numbered<BpfOperation>& rules, varmor_profile& header) {
  header.operations = EmptyDecision();
  for (const auto& [number, rule] : rules) {
    Join(header.operations, uint32_t{1} << rule->operation, rule->action, number);
  }
}

void LowerDisks(const Numbered<BpfDiskDevice>& rules, BpfProfile& profile) {
  profile.header.disk_file = EmptyDecision();
  profile.header.disk_mount = EmptyVerdict();
  for (const auto& [number, rule] : rules) {
    if (rule->mount) {
      Join(profile.header.disk_mount, rule->action, number);
    } else {
      Join(profile.header.disk_file, rule->access, rule->action, number);
    }
  }
  profile.needs_disk_devices = !rules.empty();
}

}  // namespace

absl::StatusOr<BpfProfile> LowerBpf(const BpfRules& rules, absl::string_view profile_name,
                                    Diagnostics& diagnostics, const BpfLimits& limits) {
  BpfProfile profile;
  profile.name = std::string(profile_name);
  profile.cluster_addresses_missing = rules.cluster_addresses_missing;
  profile.egress_watches = rules.egress_watches;
  varmor_profile& header = profile.header;
  header.abi = VARMOR_BPF_ABI;
  header.default_deny = rules.default_deny ? VARMOR_CLASS_ALL : 0;

  Numberer numberer(profile, std::min<size_t>(limits.rules, VARMOR_RULES_MAX));
  const auto files = numberer.Number(rules.files);
  const auto sockets = numberer.Number(rules.sockets);
  const auto egress = numberer.Number(rules.egress);
  const auto ptrace = numberer.Number(rules.ptrace);
  const auto mounts = numberer.Number(rules.mounts);
  const auto capabilities = numberer.Number(rules.capabilities);
  const auto operations = numberer.Number(rules.operations);
  const auto disks = numberer.Number(rules.disk_devices);
  if (numberer.overflow()) {
    diagnostics.Error("too-many-rules", "spec.policy",
                      absl::StrCat("the policy has more than ", limits.rules,
                                   " different rules for the BPF enforcer"),
                      "join rules with wider patterns or networks");
    return profile;
  }
  header.rule_count = static_cast<uint32_t>(profile.rules.size());
  // Rules that only audit block nothing, and neither does a path that cannot be told.
  const bool observes = !rules.default_deny && !profile.rules.empty() && !numberer.denies();
  profile.complain = rules.complain || observes;
  header.flags = profile.complain ? VARMOR_PROFILE_COMPLAIN : 0;

  VARMOR_RETURN_IF_ERROR(LowerBpfPaths(files, mounts, limits, profile, diagnostics));
  LowerSockets(sockets, profile);
  LowerEgress(egress, limits, profile, diagnostics);
  LowerPtrace(ptrace, header);
  LowerCapabilities(capabilities, header);
  LowerOperations(operations, header);
  LowerDisks(disks, profile);
  return profile;
}

}  // namespace varmor
