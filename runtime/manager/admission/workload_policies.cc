#include "runtime/manager/admission/workload_policies.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/policy/profile_name.h"
#include "proto/policy.pb.h"

namespace varmor {
namespace {

const Json& NoJson() {
  static const Json* const kNone = new Json();
  return *kNone;
}

// The member, null when there is none.
const Json& At(const Json& object, absl::string_view key) {
  if (!object.is_object()) return NoJson();
  const auto found = object.find(std::string(key));
  return found == object.end() ? NoJson() : *found;
}

std::string Text(const Json& value) { return value.is_string() ? value.get<std::string>() : ""; }

bool Lists(const Json& values, const Json& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// One of matchExpressions. False for one that Kubernetes would refuse.
bool ExpressionMatches(const Json& expression, const Json& labels) {
  const Json& key = At(expression, "key");
  const Json& values = At(expression, "values");
  if (!key.is_string() || (!values.is_null() && !values.is_array())) return false;
  const Json& label = At(labels, key.get<std::string>());
  const std::string verb = Text(At(expression, "operator"));
  if (verb == "In") return !values.empty() && Lists(values, label);
  if (verb == "NotIn") return !values.empty() && !Lists(values, label);
  if (verb == "Exists") return values.empty() && !label.is_null();
  if (verb == "DoesNotExist") return values.empty() && label.is_null();
  return false;
}

bool NameMatches(const WorkloadPolicy& policy, absl::string_view name) {
  return !policy.target_name.empty() && policy.target_name == name;
}

}  // namespace

absl::StatusOr<WorkloadPolicy> ReadWorkloadPolicy(const Json& policy, absl::string_view enforcers,
                                                  absl::string_view install_namespace,
                                                  const OptOutDefaults& opt_out) {
  const Json& metadata = At(policy, "metadata");
  const Json& target = At(At(policy, "spec"), "target");
  const Json& body = At(At(policy, "spec"), "policy");
  const bool cluster = Text(At(policy, "kind")) == kClusterPolicyKind;

  WorkloadPolicy read;
  read.name_space = cluster ? "" : Text(At(metadata, "namespace"));
  read.name = Text(At(metadata, "name"));
  read.created = Text(At(metadata, "creationTimestamp"));
  read.target_kind = Text(At(target, "kind"));
  read.target_name = Text(At(target, "name"));
  read.target_selector = At(target, "selector");
  if (read.target_name.empty() == read.target_selector.is_null()) {
    return absl::InvalidArgumentError(
        "spec.target: has to have one of name and selector; write one of them");
  }

  PolicyObject object;
  object.set_kind(Text(At(policy, "kind")));
  object.mutable_metadata()->set_name(read.name);
  object.mutable_metadata()->set_namespace_(read.name_space);
  Protection& protection = read.protection;
  protection.profile_name = ProfileName(object, install_namespace);
  Diagnostics problems;
  protection.enforcers = ParseEnforcers(enforcers.empty() ? Text(At(body, "enforcer")) : enforcers,
                                        "spec.policy.enforcer", problems);
  if (problems.HasErrors()) {
    const Diagnostic& first = problems.list().front();
    return absl::InvalidArgumentError(
        absl::StrCat(first.field, ": ", first.problem, "; ", first.fix));
  }
  protection.runtime_default = At(body, "mode") == "RuntimeDefault";
  const Json& containers = At(target, "containers");
  if (containers.is_array()) {
    for (const Json& each : containers) protection.containers.push_back(Text(each));
  }
  const std::string said = Text(At(At(metadata, "annotations"), kAllowOptOutAnnotation));
  protection.allow_opt_out = cluster ? opt_out.cluster_policies : opt_out.namespaced_policies;
  if (said == "true") protection.allow_opt_out = true;
  if (said == "false") protection.allow_opt_out = false;
  return read;
}

bool SelectorMatches(const Json& selector, const Json& labels) {
  if (!selector.is_object()) return false;
  const Json& equal = At(selector, "matchLabels");
  const Json& expressions = At(selector, "matchExpressions");
  if (!equal.is_null() && !equal.is_object()) return false;
  if (!expressions.is_null() && !expressions.is_array()) return false;
  for (const auto& [key, value] : equal.items()) {
    if (!value.is_string() || At(labels, key) != value) return false;
  }
  return std::all_of(expressions.begin(), expressions.end(),
                     [&](const Json& expression) { return ExpressionMatches(expression, labels); });
}

WorkloadPolicies::WorkloadPolicies(std::vector<WorkloadPolicy> policies)
    : policies_(std::move(policies)) {
  std::sort(policies_.begin(), policies_.end(),
            [](const WorkloadPolicy& a, const WorkloadPolicy& b) {
              return std::tie(a.created, a.name, a.name_space) <
                     std::tie(b.created, b.name, b.name_space);
            });
  for (size_t i = 0; i < policies_.size(); ++i) {
    index_[{policies_[i].target_kind, policies_[i].name_space}].push_back(i);
    owners_.emplace(policies_[i].protection.profile_name, i);
  }
}

const WorkloadPolicy* WorkloadPolicies::OwnerOf(const std::string& profile_name) const {
  const auto found = owners_.find(profile_name);
  return found == owners_.end() ? nullptr : &policies_[found->second];
}

std::vector<const WorkloadPolicy*> WorkloadPolicies::Match(absl::string_view kind,
                                                           absl::string_view name_space,
                                                           absl::string_view name,
                                                           const Json& labels) const {
  std::vector<const WorkloadPolicy*> matching;
  for (const absl::string_view scope : {absl::string_view(), name_space}) {
    const auto found = index_.find({std::string(kind), std::string(scope)});
    if (found == index_.end()) continue;
    const size_t first = matching.size();
    for (const size_t i : found->second) {
      const WorkloadPolicy& policy = policies_[i];
      if (NameMatches(policy, name) || SelectorMatches(policy.target_selector, labels)) {
        matching.push_back(&policy);
      }
    }
    std::stable_partition(matching.begin() + static_cast<std::ptrdiff_t>(first), matching.end(),
                          [&](const WorkloadPolicy* policy) { return NameMatches(*policy, name); });
    if (name_space.empty()) break;
  }
  return matching;
}

}  // namespace varmor
