#include "runtime/manager/admission/mutate.h"

namespace varmor {
namespace {

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
Json* TemplateOf(const std::string& kind, Json& object) {
  if (kind == "Pod") return &object;
  const Json::json_pointer path("/spec/template");
  return object.contains(path) && object[path].is_object() ? &object[path] : nullptr;
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

}  // namespace

Mutation Mutate(const AdmissionRequest& request, const WorkloadPolicies& policies,
                const TemplateOptions& options, absl::Time now) {
  Mutation mutation;
  if (!IsWorkload(request)) return mutation;
  mutation.matching =
      policies.Match(request.kind, request.name_space, request.name, LabelsOf(request.object));
  if (mutation.matching.empty()) return mutation;
  Json changed = request.object;
  Json* const pod_template = TemplateOf(request.kind, changed);
  if (pod_template == nullptr) return mutation;
  ProtectTemplate(mutation.matching.front()->protection, options, *pod_template);
  if (changed == request.object) return mutation;
  StampTime(now, changed);
  mutation.answer.patch = Json::diff(request.object, changed);
  return mutation;
}

}  // namespace varmor
