// Paths of objects and lists in the API, and the errors of what cannot be one.
#ifndef RUNTIME_KUBE_KUBE_PATH_H_
#define RUNTIME_KUBE_KUBE_PATH_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/kube/kube_client.h"

namespace varmor {

// "crd.varmor.org/v1beta1", or "v1" for the core group: what apiVersion says.
std::string KubeApiVersion(const KubeResource& resource);

// "/apis/apps/v1/namespaces/shop/deployments". An empty `name_space` means all.
absl::StatusOr<std::string> KubeListPath(const KubeResource& resource,
                                         absl::string_view name_space);

// "/api/v1/namespaces/shop/pods": where objects are created. INVALID_ARGUMENT when a resource with
// namespaces gets none, or one without gets one.
absl::StatusOr<std::string> KubeCollectionPath(const KubeResource& resource,
                                               absl::string_view name_space);

// "/api/v1/namespaces/shop/pods/db-0/status". INVALID_ARGUMENT also for a name that is empty or no
// segment of a path.
absl::StatusOr<std::string> KubeObjectPath(const KubeResource& resource,
                                           absl::string_view name_space, absl::string_view name,
                                           absl::string_view subresource);

// For a query: all but letters, digits and "-._~" escaped.
std::string PercentEncoded(absl::string_view text);

}  // namespace varmor

#endif  // RUNTIME_KUBE_KUBE_PATH_H_
