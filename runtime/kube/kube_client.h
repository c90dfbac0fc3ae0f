// The one Kubernetes client: objects in and out of an API server as JSON, and watches.
//
//     std::unique_ptr<KubeClient> client = ...;  // kube_http_client.h
//     VARMOR_ASSIGN_OR_RETURN(const Json pod, client->Get(kPods, "shop", "db-0"));
//
// Errors of every call, by what the server said (its message is in the status; KubeReasonOf gives
// the word of its `reason`):
//   INVALID_ARGUMENT 400, 415, 422, other 4xx, and a name that cannot be one (nothing is sent
//   then); UNAUTHENTICATED 401; PERMISSION_DENIED 403; NOT_FOUND 404, with the reason "NotFound"
//   for an object, and without for a resource that is not served, such as one whose definition is
//   not installed; ALREADY_EXISTS and ABORTED 409, by reason AlreadyExists and any other
//   ("Conflict"); OUT_OF_RANGE 410, "Too large resource version" and a revision that etcd does not
//   have yet: the version asked for is gone, list again; RESOURCE_EXHAUSTED 413 and the other texts
//   for an object that is too large; UNAVAILABLE 429, 5xx, and no answer at all: worth another try;
//   DEADLINE_EXCEEDED: the time limit of a request; INTERNAL: an answer that makes no sense.
// Calls block, have a time limit, and are not repeated: retrying is the caller's.
#ifndef RUNTIME_KUBE_KUBE_CLIENT_H_
#define RUNTIME_KUBE_KUBE_CLIENT_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace varmor {

using Json = nlohmann::json;

// A kind of object, as in the paths of the API. kEndpointSlices are of discovery.k8s.io/v1, which
// servers have since 1.21; before, take a copy with the version v1beta1.
struct KubeResource {
  std::string group;  // "" for the core group
  std::string version;
  std::string plural;
  std::string kind;
  bool namespaced = true;
};

extern const KubeResource kVarmorPolicies, kVarmorClusterPolicies, kArmorProfiles,
    kArmorProfileModels, kCustomResourceDefinitions, kPods, kNodes, kNamespaces, kServices,
    kEndpointSlices, kSecrets, kConfigMaps, kServiceAccounts, kDeployments, kStatefulSets,
    kDaemonSets, kReplicaSets, kLeases, kEvents, kMutatingWebhookConfigurations,
    kValidatingWebhookConfigurations, kTokenReviews, kSubjectAccessReviews;

struct KubeListOptions {
  // "": all namespaces, or a resource without.
  std::string name_space;
  // In the text forms of Kubernetes; "" for all.
  std::string label_selector;
  std::string field_selector;
  // "0": whatever the server has at hand; "": the newest.
  std::string resource_version;
  // Objects have apiVersion, kind and metadata alone.
  bool metadata_only = false;
};

struct KubeList {
  std::vector<Json> items;
  // Where a watch goes on.
  std::string resource_version;
};

// kStrategicMerge is for built-in kinds alone. kApply creates what is missing and takes fields over
// from other managers.
enum class KubePatch { kJson, kMerge, kStrategicMerge, kApply };

struct KubeWatchEvent {
  enum class Type { kAdded, kModified, kDeleted, kBookmark };
  Type type = Type::kAdded;
  Json object;
};

class KubeClient {
 public:
  virtual ~KubeClient() = default;

  // {"major": "1", "minor": "20", ...}.
  virtual absl::StatusOr<Json> ServerVersion() = 0;

  // `name_space` is "" for resources without one. `subresource` is "" or "status", "binding", ...
  virtual absl::StatusOr<Json> Get(const KubeResource& resource, absl::string_view name_space,
                                   absl::string_view name) = 0;
  // Reads all pages. Items have apiVersion and kind, which the server leaves out.
  virtual absl::StatusOr<KubeList> List(const KubeResource& resource,
                                        const KubeListOptions& options) = 0;
  // Returns the object as stored. apiVersion and kind are filled in when missing.
  virtual absl::StatusOr<Json> Create(const KubeResource& resource, absl::string_view name_space,
                                      const Json& object) = 0;
  // Where and which is what `object`'s metadata says; ABORTED when its resourceVersion is old.
  virtual absl::StatusOr<Json> Update(const KubeResource& resource, const Json& object,
                                      absl::string_view subresource = "") = 0;
  virtual absl::StatusOr<Json> Patch(const KubeResource& resource, absl::string_view name_space,
                                     absl::string_view name, KubePatch type, const Json& patch,
                                     absl::string_view subresource = "") = 0;
  virtual absl::Status Delete(const KubeResource& resource, absl::string_view name_space,
                              absl::string_view name, const Json& options = Json::object()) = 0;

  // Calls `on_event` in this thread for each event after `options.resource_version`, bookmarks
  // included, until the server ends the watch (OK), an error, `on_event` returns false (CANCELLED)
  // or `cancelled`, asked about once a second, returns true (CANCELLED). A watch that is silent for
  // longer than bookmarks take is UNAVAILABLE. OUT_OF_RANGE: list again.
  virtual absl::Status Watch(const KubeResource& resource, const KubeListOptions& options,
                             const std::function<bool(KubeWatchEvent event)>& on_event,
                             const std::function<bool()>& cancelled) = 0;
};

// The server's word, "AlreadyExists", "Conflict", "Expired"; "" when the status has none.
std::string KubeReasonOf(const absl::Status& status);
// How long the server asks to wait (Retry-After); zero when it does not.
absl::Duration KubeRetryAfter(const absl::Status& status);

}  // namespace varmor

#endif  // RUNTIME_KUBE_KUBE_CLIENT_H_
