#include "runtime/manager/registration/register_webhooks.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/kube/kube_object.h"
#include "runtime/manager/certificates/certificate_store.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

constexpr int kTries = 5;

// True when something was written. ABORTED or ALREADY_EXISTS: somebody else was faster.
absl::StatusOr<bool> TryEnsure(KubeClient& client, const KubeResource& resource,
                               const Json& wanted) {
  absl::StatusOr<Json> stored = client.Get(resource, "", TextAt(wanted, {"metadata", "name"}));
  if (!stored.ok() && !absl::IsNotFound(stored.status())) return stored.status();
  const std::optional<Json> repaired =
      RepairedConfiguration(stored.ok() ? *stored : Json(), wanted);
  if (!repaired.has_value()) return false;
  if (stored.ok()) {
    VARMOR_RETURN_IF_ERROR(client.Update(resource, *repaired).status());
  } else {
    VARMOR_RETURN_IF_ERROR(client.Create(resource, "", *repaired).status());
  }
  return true;
}

absl::StatusOr<bool> Ensure(KubeClient& client, const KubeResource& resource, const Json& wanted) {
  absl::StatusOr<bool> written = false;
  for (int i = 0; i < kTries; ++i) {
    written = TryEnsure(client, resource, wanted);
    if (!absl::IsAborted(written.status()) && !absl::IsAlreadyExists(written.status())) break;
  }
  return written;
}

absl::Status DeleteIfThere(KubeClient& client, const KubeResource& resource,
                           absl::string_view name_space, absl::string_view name) {
  const absl::Status status = client.Delete(resource, name_space, name);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

// Null when there is none.
absl::StatusOr<Json> ManagerDeployment(KubeClient& client, const WebhookOptions& options) {
  absl::StatusOr<Json> deployment =
      client.Get(kDeployments, options.install_namespace, kManagerDeployment);
  if (absl::IsNotFound(deployment.status())) return Json();
  return deployment;
}

absl::Status RemoveWebhooks(KubeClient& client, const WebhookOptions& options) {
  absl::Status first;
  for (const bool mutating : {true, false}) {
    const Json wanted =
        mutating ? MutatingConfiguration(options) : ValidatingConfiguration(options);
    first.Update(DeleteIfThere(
        client, mutating ? kMutatingWebhookConfigurations : kValidatingWebhookConfigurations, "",
        TextAt(wanted, {"metadata", "name"})));
  }
  return first;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> EnsureWebhooks(KubeClient& client,
                                                        const WebhookOptions& options) {
  std::vector<std::string> names;
  for (const bool mutating : {true, false}) {
    const Json wanted =
        mutating ? MutatingConfiguration(options) : ValidatingConfiguration(options);
    const KubeResource& resource =
        mutating ? kMutatingWebhookConfigurations : kValidatingWebhookConfigurations;
    VARMOR_ASSIGN_OR_RETURN(const bool written, Ensure(client, resource, wanted));
    if (written) names.push_back(TextAt(wanted, {"metadata", "name"}));
  }
  return names;
}

bool IsLastManager(const Json& deployment) {
  return deployment.is_null() || !TextAt(deployment, {"metadata", "deletionTimestamp"}).empty() ||
         NumberAt(deployment, {"spec", "replicas"}) == 0;
}

absl::Status CheckNoInstallation(KubeClient& client, const WebhookOptions& options) {
  VARMOR_ASSIGN_OR_RETURN(const Json deployment, ManagerDeployment(client, options));
  if (IsLastManager(deployment)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "this cluster has managers of its own, which a manager outside of it would disturb; stop "
      "them first: kubectl -n ",
      options.install_namespace, " scale --replicas=0 deployment/", kManagerDeployment));
}

absl::StatusOr<bool> RemoveIfLast(KubeClient& client, const WebhookOptions& options,
                                  const std::vector<std::string>& leases) {
  VARMOR_ASSIGN_OR_RETURN(const Json deployment, ManagerDeployment(client, options));
  const bool last = IsLastManager(deployment);
  absl::Status first;
  if (last || !options.url.empty()) first.Update(RemoveWebhooks(client, options));
  if (last) {
    first.Update(RemoveCertificates(client, options.install_namespace));
    for (const std::string& lease : leases) {
      first.Update(DeleteIfThere(client, kLeases, options.install_namespace, lease));
    }
  }
  if (!first.ok()) return first;
  return last;
}

}  // namespace varmor
