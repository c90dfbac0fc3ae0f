// Label and field selectors in the text forms of Kubernetes, as the fake server understands them.
#ifndef RUNTIME_KUBE_TESTING_SELECTOR_H_
#define RUNTIME_KUBE_TESTING_SELECTOR_H_

#include <functional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace varmor {

using ObjectPredicate = std::function<bool(const nlohmann::json& object)>;

// "a=b,c!=d,e in (f,g),h notin (i),j,!k". INVALID_ARGUMENT for anything else. "" selects all.
absl::StatusOr<ObjectPredicate> ParseLabelSelector(absl::string_view text);

// "metadata.name=a,metadata.namespace!=b", and for pods spec.nodeName and status.phase.
absl::StatusOr<ObjectPredicate> ParseFieldSelector(absl::string_view text, bool of_pods);

}  // namespace varmor

#endif  // RUNTIME_KUBE_TESTING_SELECTOR_H_
