#include "runtime/agent/match_container.h"

#include <algorithm>
#include <tuple>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

std::map<std::string, std::string> LabelsOf(const Container& container) {
  std::map<std::string, std::string> labels = container.labels;
  labels[kNameLabel] = container.name;
  labels[kImageLabel] = container.image;
  labels[kImageNameLabel] = std::string(ImageName(container.image));
  labels[kNamespaceLabel] = container.id.name_space;
  return labels;
}

bool RequirementHolds(const LabelSelectorRequirement& requirement,
                      const std::map<std::string, std::string>& labels) {
  const auto found = labels.find(requirement.key());
  const bool there = found != labels.end();
  const bool listed = there && absl::c_linear_search(requirement.values(), found->second);
  if (requirement.operator_() == "In") return listed;
  if (requirement.operator_() == "NotIn") return !listed;
  if (requirement.operator_() == "Exists") return there;
  return requirement.operator_() == "DoesNotExist" && !there;
}

auto PriorityOf(const AgentPolicy& policy) {
  return std::make_tuple(policy.identity.kind != "VarmorClusterPolicy",
                         absl::string_view(policy.identity.name_space),
                         absl::string_view(policy.identity.name));
}

// As CheckProfileName of the enforcers, and Kubernetes' limit for a label value.
bool IsProfileName(absl::string_view name) {
  return !name.empty() && name.size() <= 63 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
         });
}

}  // namespace

absl::string_view ImageName(absl::string_view image) {
  image = image.substr(0, image.find('@'));
  const size_t slash = image.rfind('/');
  const size_t colon = image.rfind(':');
  // A colon before the last slash is that of a registry's port.
  if (colon != absl::string_view::npos && (slash == absl::string_view::npos || colon > slash)) {
    image = image.substr(0, colon);
  }
  return image;
}

bool SelectorMatches(const LabelSelector& selector,
                     const std::map<std::string, std::string>& labels) {
  for (const auto& [key, value] : selector.match_labels()) {
    const auto found = labels.find(key);
    if (found == labels.end() || found->second != value) return false;
  }
  return absl::c_all_of(selector.match_expressions(),
                        [&](const LabelSelectorRequirement& requirement) {
                          return RequirementHolds(requirement, labels);
                        });
}

std::string TargetProblem(const Target& target) {
  if (target.kind() == "Pod") return "";
  return absl::StrCat("spec.target.kind ", Quoted(target.kind()),
                      " exists only in a cluster, so the policy confines no container here; "
                      "use kind Pod");
}

bool PolicyMatches(const AgentPolicy& policy, const Container& container) {
  const Target& target = policy.target;
  if (container.sandbox || !TargetProblem(target).empty()) return false;
  if (policy.identity.kind != "VarmorClusterPolicy" && container.in_pod &&
      container.pod.name_space != policy.identity.name_space) {
    return false;
  }
  if (target.has_name() &&
      target.name() != (container.in_pod ? container.pod.name : container.name)) {
    return false;
  }
  if (target.has_selector() && !SelectorMatches(target.selector(), LabelsOf(container))) {
    return false;
  }
  if (!target.has_name() && !target.has_selector()) return false;
  return target.containers().empty() || absl::c_linear_search(target.containers(), container.name);
}

const AgentPolicy* ChoosePolicy(const std::vector<const AgentPolicy*>& policies,
                                const Container& container, std::vector<std::string>& shadowed) {
  const AgentPolicy* chosen = nullptr;
  for (const AgentPolicy* policy : policies) {
    if (!PolicyMatches(*policy, container)) continue;
    if (chosen == nullptr) {
      chosen = policy;
      continue;
    }
    const bool better = PriorityOf(*policy) < PriorityOf(*chosen);
    shadowed.push_back(better ? chosen->source : policy->source);
    if (better) chosen = policy;
  }
  return chosen;
}

AnnotatedProfile ReadAnnotations(const Container& container) {
  AnnotatedProfile out;
  for (const char* prefix :
       {kBpfAnnotation, kKubernetesAppArmorAnnotation, kAppArmorAnnotation, kSeccompAnnotation}) {
    const auto found = container.pod.annotations.find(absl::StrCat(prefix, container.name));
    if (found == container.pod.annotations.end()) continue;
    absl::string_view value = found->second;
    if (value == "unconfined" || value == "runtime/default") continue;
    if (!absl::ConsumePrefix(&value, "localhost/") || !IsProfileName(value)) {
      out.problems.push_back(absl::StrCat("annotation ", found->first, " is ",
                                          Quoted(found->second), ", not localhost/PROFILE"));
      continue;
    }
    if (out.profile.empty()) out.profile = std::string(value);
    if (prefix == kBpfAnnotation) out.bpf = true;
  }
  return out;
}

}  // namespace varmor
