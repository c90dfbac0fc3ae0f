#include "lib/compiler/validate/validate_policy.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/policy/enforcer_set.h"
#include "lib/compiler/policy/profile_name.h"

namespace varmor {
namespace {

void ValidateName(const PolicyObject& object, absl::string_view install_namespace,
                  Diagnostics& diagnostics) {
  const std::string name = ProfileName(object, install_namespace);
  if (name.size() <= kMaxProfileNameBytes) return;
  diagnostics.Error(
      "profile-name-length", "metadata.name",
      absl::StrCat("profile name ", Quoted(name), " has ", name.size(), " bytes; at most ",
                   kMaxProfileNameBytes, " are possible"),
      absl::StrCat("shorten the policy's name by ", name.size() - kMaxProfileNameBytes, " bytes"));
}

void ValidateSelector(const LabelSelector& selector, const std::string& field,
                      Diagnostics& diagnostics) {
  for (int i = 0; i < selector.match_expressions_size(); ++i) {
    const LabelSelectorRequirement& requirement = selector.match_expressions(i);
    const std::string place = absl::StrCat(field, ".matchExpressions[", i, "]");
    const bool wants_values = requirement.operator_() == "In" || requirement.operator_() == "NotIn";
    if (wants_values && requirement.values().empty()) {
      diagnostics.Error(
          "selector-values", place,
          absl::StrCat("operator ", Quoted(requirement.operator_()), " needs at least one value"),
          "add values, or use Exists or DoesNotExist");
    } else if (!wants_values && !requirement.values().empty()) {
      diagnostics.Error("selector-values", absl::StrCat(place, ".values"),
                        absl::StrCat("operator ", Quoted(requirement.operator_()),
                                     " takes no values; got ", requirement.values_size()),
                        "drop the values, or use In or NotIn");
    }
  }
}

// No workload and no container has a name with a blank.
void ValidateTargetName(absl::string_view name, absl::string_view field, Diagnostics& diagnostics) {
  const auto has_blank = [](absl::string_view text) {
    return std::any_of(text.begin(), text.end(), absl::ascii_isspace);
  };
  if (!has_blank(name)) return;
  const absl::string_view bare = absl::StripAsciiWhitespace(name);
  const bool repaired = !bare.empty() && !has_blank(bare);
  diagnostics.StrictError(
      "name-with-blank", field,
      absl::StrCat("name ", Quoted(name), " has a blank, as no name has: it matches nothing"),
      repaired ? absl::StrCat("write ", Quoted(bare)) : "write the name without blanks");
}

void ValidateTarget(const Target& target, Diagnostics& diagnostics) {
  const std::string field = "spec.target";
  // vArmor cannot tell an empty name from none, and charts write both.
  const bool has_name = !target.name().empty();
  if (!has_name && !target.has_selector()) {
    diagnostics.Error("target-missing", field, "neither name nor selector is given",
                      "name one workload, or select several by their labels");
  } else if (has_name && target.has_selector()) {
    diagnostics.Error("target-ambiguous", field, "both name and selector are given",
                      "keep one of them");
  }
  if (target.has_selector()) {
    ValidateSelector(target.selector(), "spec.target.selector", diagnostics);
  }
  ValidateTargetName(target.name(), field + ".name", diagnostics);
  for (int i = 0; i < target.containers_size(); ++i) {
    const std::string place = absl::StrCat(field, ".containers[", i, "]");
    ValidateTargetName(target.containers(i), place, diagnostics);
    if (!target.containers(i).empty()) continue;
    diagnostics.StrictError("empty-container", place, "a container name is empty",
                            "write the container's name");
  }
}

void ValidateRawSelectors(const BpfRawRules& rules, const std::string& field,
                          Diagnostics& diagnostics) {
  const BpfEgressRules& egress = rules.network().egress();
  const std::string place = field + ".network.egress.";
  for (int i = 0; i < egress.to_pods_size(); ++i) {
    ValidateSelector(egress.to_pods(i).pod_selector(),
                     absl::StrCat(place, "toPods[", i, "].podSelector"), diagnostics);
  }
  for (int i = 0; i < egress.to_services_size(); ++i) {
    ValidateSelector(egress.to_services(i).service_selector(),
                     absl::StrCat(place, "toServices[", i, "].serviceSelector"), diagnostics);
  }
}

// Sections that belong to another mode are never read: say so.
void WarnOfUnusedSections(const PolicyBody& policy, Diagnostics& diagnostics) {
  const struct {
    bool present;
    absl::string_view key;
    absl::string_view mode;
  } sections[] = {
      {policy.has_enhance_protect(), "enhanceProtect", "EnhanceProtect"},
      {policy.has_modeling_options(), "modelingOptions", "BehaviorModeling"},
      {policy.has_defense_in_depth(), "defenseInDepth", "DefenseInDepth"},
  };
  for (const auto& section : sections) {
    if (!section.present || policy.mode() == section.mode) continue;
    diagnostics.Warning("section-unused", absl::StrCat("spec.policy.", section.key),
                        absl::StrCat("mode ", policy.mode(), " does not use this section"),
                        absl::StrCat("remove it, or set mode to ", section.mode));
  }
}

void MissingSection(absl::string_view key, absl::string_view mode, Diagnostics& diagnostics) {
  diagnostics.Error("section-missing", "spec.policy",
                    absl::StrCat("mode ", mode, " needs the section \"", key, "\""),
                    absl::StrCat("add spec.policy.", key));
}

void ValidateDefense(const DefenseInDepth& defense, const EnforcerSet& enforcers,
                     Diagnostics& diagnostics) {
  const struct {
    bool wanted;
    bool present;
    absl::string_view key;
    absl::string_view enforcer;
  } sections[] = {
      {enforcers.app_armor, defense.has_app_armor(), "appArmor", "AppArmor"},
      {enforcers.seccomp, defense.has_seccomp(), "seccomp", "Seccomp"},
      {enforcers.bpf, defense.has_bpf(), "bpf", "BPF"},
  };
  for (const auto& section : sections) {
    if (section.wanted && !section.present) {
      diagnostics.Error(
          "section-missing", "spec.policy.defenseInDepth",
          absl::StrCat("enforcer ", section.enforcer, " needs the section \"", section.key, "\""),
          absl::StrCat("add spec.policy.defenseInDepth.", section.key));
    } else if (!section.wanted && section.present) {
      diagnostics.StrictError(
          "section-unused", absl::StrCat("spec.policy.defenseInDepth.", section.key),
          absl::StrCat("the policy's enforcers do not include ", section.enforcer),
          absl::StrCat("remove it, or add ", section.enforcer, " to spec.policy.enforcer"));
    }
  }
  const auto check_custom = [&](absl::string_view key, const std::string& type,
                                const std::string& text) {
    const std::string field = absl::StrCat("spec.policy.defenseInDepth.", key, ".customProfile");
    if (type == "Custom" && text.empty()) {
      diagnostics.Error("custom-profile-missing", absl::StrCat("spec.policy.defenseInDepth.", key),
                        "profileType Custom needs a profile in \"customProfile\"",
                        "write the profile there, or use profileType BehaviorModel");
    } else if (type == "BehaviorModel" && !text.empty()) {
      diagnostics.Warning("section-unused", field,
                          "profileType BehaviorModel does not use this profile",
                          "remove it, or use profileType Custom");
    }
  };
  if (defense.has_app_armor()) {
    check_custom("appArmor", defense.app_armor().profile_type(),
                 defense.app_armor().custom_profile());
  }
  if (defense.has_seccomp()) {
    check_custom("seccomp", defense.seccomp().profile_type(), defense.seccomp().custom_profile());
  }
}

// Fields of the NetworkProxy enforcer are known; there is nothing to compile them for.
void ReportNetworkProxy(const PolicyBody& policy, const EnforcerSet& enforcers,
                        Diagnostics& diagnostics) {
  constexpr absl::string_view kProblem =
      "NetworkProxy is an enforcer that this version does not have";
  if (enforcers.network_proxy) {
    EnforcerSet rest = enforcers;
    rest.network_proxy = false;
    if (rest.empty()) {
      diagnostics.Error("network-proxy", "spec.policy.enforcer", kProblem,
                        "add AppArmor, BPF or Seccomp");
    } else {
      diagnostics.StrictError("network-proxy", "spec.policy.enforcer", kProblem,
                              absl::StrCat("write \"", EnforcerSetName(rest),
                                           "\", or compile leniently to leave it out"));
    }
  }
  const struct {
    bool present;
    absl::string_view field;
  } fields[] = {
      {policy.has_network_proxy_config(), "spec.policy.networkProxyConfig"},
      {policy.enhance_protect().has_network_proxy_raw_rules(),
       "spec.policy.enhanceProtect.networkProxyRawRules"},
      {policy.defense_in_depth().has_network_proxy(), "spec.policy.defenseInDepth.networkProxy"},
  };
  for (const auto& field : fields) {
    if (!field.present) continue;
    diagnostics.StrictError("network-proxy", field.field, kProblem,
                            "remove it, or compile leniently to leave it out");
  }
}

}  // namespace

void ValidatePolicy(const PolicyObject& object, absl::string_view install_namespace,
                    Diagnostics& diagnostics) {
  ValidateName(object, install_namespace, diagnostics);
  ValidateTarget(object.spec().target(), diagnostics);

  const PolicyBody& policy = object.spec().policy();
  const EnforcerSet enforcers =
      ParseEnforcers(policy.enforcer(), "spec.policy.enforcer", diagnostics);
  ReportNetworkProxy(policy, enforcers, diagnostics);
  WarnOfUnusedSections(policy, diagnostics);
  ValidateRawSelectors(policy.enhance_protect().bpf_raw_rules(),
                       "spec.policy.enhanceProtect.bpfRawRules", diagnostics);
  ValidateRawSelectors(policy.defense_in_depth().bpf().bpf_raw_rules(),
                       "spec.policy.defenseInDepth.bpf.bpfRawRules", diagnostics);

  if (policy.mode() == "EnhanceProtect" && !policy.has_enhance_protect()) {
    MissingSection("enhanceProtect", policy.mode(), diagnostics);
  } else if (policy.mode() == "BehaviorModeling") {
    if (!policy.has_modeling_options()) {
      MissingSection("modelingOptions", policy.mode(), diagnostics);
    }
    if (enforcers.network_proxy) {
      diagnostics.Error("network-proxy", "spec.policy.enforcer",
                        "NetworkProxy cannot be used in mode BehaviorModeling",
                        "remove NetworkProxy from the enforcers");
    }
  } else if (policy.mode() == "DefenseInDepth") {
    if (policy.has_defense_in_depth()) {
      ValidateDefense(policy.defense_in_depth(), enforcers, diagnostics);
    } else {
      MissingSection("defenseInDepth", policy.mode(), diagnostics);
    }
  }
}

}  // namespace varmor
