// The custom resource definitions, made from the messages' descriptors and comments.
#ifndef TOOLS_GEN_CRDS_CRDS_H_
#define TOOLS_GEN_CRDS_CRDS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "rapidjson/document.h"

namespace varmor {

// "varmorpolicies", "varmorclusterpolicies", "armorprofiles", "armorprofilemodels".
std::vector<std::string> CrdPlurals();

// apiextensions.k8s.io/v1. Objects below a policy's `spec` keep members that the schema does not
// know, so that a misspelt key and a key of an older vArmor reach the admission webhook and the
// manager, which judge them; a server would drop them without a word.
//
// `cel`: also the rules that need Kubernetes 1.25 (x-kubernetes-validations) and that the webhook
// checks otherwise. `plural` is one of CrdPlurals.
rapidjson::Document Crd(absl::string_view plural, bool cel);

// The file of a definition, with its first line saying where it comes from.
std::string CrdFile(absl::string_view plural, bool cel);

}  // namespace varmor

#endif  // TOOLS_GEN_CRDS_CRDS_H_
