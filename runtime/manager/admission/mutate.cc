#include "runtime/manager/admission/mutate.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

// More than a node runs. A patch has some operations for each, and takes memory for them.
constexpr size_t kMaxContainers = 500;

// The resources of the registration (registration/webhook_configurations.h).
bool IsWorkload(const AdmissionRequest& request) {
  if (!request.subresource.empty() || !request.object.is_object()) return false;
  const bool create = request.operation == "CREATE";
  if (request.kind == "Pod") return request.group.empty() && create;
  return request.group == "apps" && (create || request.operation == "UPDATE") &&
         (request.kind == "Deployment" || request.kind == "StatefulSet" ||
          request.kind == "DaemonSet");
}

Json LabelsOf(const Json& object) {
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return nullptr;
  const auto labels = metadata->find("labels");
  return labels == metadata->end() ? Json() : *labels;
}

// Where the object's pod template is; null when it has none.
template <typename Value>
Value* TemplateOf(const std::string& kind, Value& object) {
  if (kind == "Pod") return &object;
  const Json::json_pointer path("/spec/template");
  return object.contains(path) && object[path].is_object() ? &object[path] : nullptr;
}

size_t ContainersOf(const Json& pod_template) {
  static const Json::json_pointer path("/spec/containers");
  return pod_template.contains(path) ? pod_template[path].size() : 0;
}

void StampTime(absl::Time now, Json& object) {
  Json& metadata = object["metadata"];
  if (!metadata.is_object()) return;
  Json& annotations = metadata["annotations"];
  if (annotations.is_null()) annotations = Json::object();
  if (!annotations.is_object()) return;
  annotations[kMutatedAnnotation] =
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now, absl::UTCTimeZone());
}

std::string NameOf(const WorkloadPolicy& policy) {
  return policy.name_space.empty()
             ? absl::StrCat("VarmorClusterPolicy ", policy.name)
             : absl::StrCat("VarmorPolicy ", policy.name_space, "/", policy.name);
}

void ApplyFirst(const TemplateOptions& options, Json& pod_template, Mutation& mutation) {
  const WorkloadPolicy& first = *mutation.matching.front();
  for (std::string& gap : ProtectTemplate(first.protection, options, pod_template)) {
    mutation.remarks.push_back({MutationRemark::Kind::kNotProtected, &first, std::move(gap)});
  }
  for (size_t i = 1; i < mutation.matching.size(); ++i) {
    mutation.remarks.push_back(
        {MutationRemark::Kind::kShadowed, mutation.matching[i],
         absl::StrCat("is not applied, because ", NameOf(first), " matches too and comes first")});
  }
}

void Warn(Mutation& mutation) {
  for (const std::string& name : mutation.released) {
    mutation.answer.warnings.push_back(
        absl::StrCat("no policy has profile ", name, " any more: references to it are taken out"));
  }
  for (const MutationRemark& remark : mutation.remarks) {
    const char* between = remark.kind == MutationRemark::Kind::kShadowed ? " " : ": ";
    mutation.answer.warnings.push_back(absl::StrCat(NameOf(*remark.policy), between, remark.text));
  }
}

// Whether the pods of the template are new anyway, so that a label more costs nothing.
bool ArePodsNew(const AdmissionRequest& request, const Json& pod_template) {
  if (request.operation == "CREATE" || !request.old_object.is_object()) return true;
  const Json* const before = TemplateOf(request.kind, request.old_object);
  return before == nullptr || *before != pod_template;
}

// Takes out what is gone and applies the first of `matching`.
Mutation Change(const AdmissionRequest& request, const WorkloadPolicies& policies,
                std::vector<const WorkloadPolicy*> matching, const TemplateOptions& options,
                absl::Time now, const IsGone& is_gone) {
  Mutation mutation;
  const Json& old_template = *TemplateOf(request.kind, request.object);
  if (const size_t count = ContainersOf(old_template); count > kMaxContainers) {
    mutation.answer.allowed = false;
    mutation.answer.message = absl::StrCat("spec.containers: has ", count, " containers, not ",
                                           kMaxContainers, " at most; use more pods");
    return mutation;
  }
  mutation.matching = std::move(matching);
  if (is_gone != nullptr) {
    for (const std::string& name : CarriedProfiles(old_template)) {
      if (policies.OwnerOf(name) == nullptr && is_gone(name)) mutation.released.push_back(name);
    }
  }
  if (mutation.matching.empty() && mutation.released.empty()) return mutation;
  Json changed = request.object;
  Json& pod_template = *TemplateOf(request.kind, changed);
  for (const std::string& name : mutation.released) ReleaseTemplate(name, pod_template);
  if (!mutation.matching.empty()) {
    ApplyFirst(options, pod_template, mutation);
    if (request.kind != "Pod" && ArePodsNew(request, pod_template)) {
      LabelTemplate(mutation.matching.front()->protection.profile_name, pod_template);
    }
  }
  Warn(mutation);
  if (changed == request.object) return mutation;
  StampTime(now, changed);
  mutation.answer.patch = Json::diff(request.object, changed);
  return mutation;
}

}  // namespace

Mutation Mutate(const AdmissionRequest& request, const WorkloadPolicies& policies,
                const TemplateOptions& options, absl::Time now, const IsGone& is_gone) {
  if (!IsWorkload(request) || TemplateOf(request.kind, request.object) == nullptr) return {};
  return Change(
      request, policies,
      policies.Match(request.kind, request.name_space, request.name, LabelsOf(request.object)),
      options, now, is_gone);
}

Mutation Release(const AdmissionRequest& request, const WorkloadPolicies& policies, absl::Time now,
                 const IsGone& is_gone) {
  if (!IsWorkload(request) || TemplateOf(request.kind, request.object) == nullptr) return {};
  return Change(request, policies, {}, {}, now, is_gone);
}

}  // namespace varmor
