#include "runtime/kube/kube_client.h"

#include "runtime/kube/kube_error.h"

namespace varmor {

const KubeResource kVarmorPolicies = {"crd.varmor.org", "v1beta1", "varmorpolicies", "VarmorPolicy",
                                      true};
const KubeResource kVarmorClusterPolicies = {"crd.varmor.org", "v1beta1", "varmorclusterpolicies",
                                             "VarmorClusterPolicy", false};
const KubeResource kArmorProfiles = {"crd.varmor.org", "v1beta1", "armorprofiles", "ArmorProfile",
                                     true};
const KubeResource kArmorProfileModels = {"crd.varmor.org", "v1beta1", "armorprofilemodels",
                                          "ArmorProfileModel", true};
const KubeResource kCustomResourceDefinitions = {
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false};
const KubeResource kPods = {"", "v1", "pods", "Pod", true};
const KubeResource kNodes = {"", "v1", "nodes", "Node", false};
const KubeResource kNamespaces = {"", "v1", "namespaces", "Namespace", false};
const KubeResource kServices = {"", "v1", "services", "Service", true};
const KubeResource kEndpointSlices = {"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice",
                                      true};
const KubeResource kSecrets = {"", "v1", "secrets", "Secret", true};
const KubeResource kConfigMaps = {"", "v1", "configmaps", "ConfigMap", true};
const KubeResource kServiceAccounts = {"", "v1", "serviceaccounts", "ServiceAccount", true};
const KubeResource kDeployments = {"apps", "v1", "deployments", "Deployment", true};
const KubeResource kStatefulSets = {"apps", "v1", "statefulsets", "StatefulSet", true};
const KubeResource kDaemonSets = {"apps", "v1", "daemonsets", "DaemonSet", true};
const KubeResource kReplicaSets = {"apps", "v1", "replicasets", "ReplicaSet", true};
const KubeResource kLeases = {"coordination.k8s.io", "v1", "leases", "Lease", true};
const KubeResource kEvents = {"events.k8s.io", "v1", "events", "Event", true};
const KubeResource kMutatingWebhookConfigurations = {"admissionregistration.k8s.io", "v1",
                                                     "mutatingwebhookconfigurations",
                                                     "MutatingWebhookConfiguration", false};
const KubeResource kValidatingWebhookConfigurations = {"admissionregistration.k8s.io", "v1",
                                                       "validatingwebhookconfigurations",
                                                       "ValidatingWebhookConfiguration", false};
const KubeResource kTokenReviews = {"authentication.k8s.io", "v1", "tokenreviews", "TokenReview",
                                    false};
const KubeResource kSubjectAccessReviews = {"authorization.k8s.io", "v1", "subjectaccessreviews",
                                            "SubjectAccessReview", false};

std::string KubeReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kKubeReasonPayload);
  return payload.has_value() ? std::string(*payload) : "";
}

absl::Duration KubeRetryAfter(const absl::Status& status) {
  const auto payload = status.GetPayload(kKubeRetryAfterPayload);
  absl::Duration wait;
  if (!payload.has_value() || !absl::ParseDuration(std::string(*payload), &wait)) {
    return absl::ZeroDuration();
  }
  return wait;
}

}  // namespace varmor
