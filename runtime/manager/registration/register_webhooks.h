// Puts the webhook configurations into the cluster, keeps them there, and takes them out when the
// manager is removed for good.
#ifndef RUNTIME_MANAGER_REGISTRATION_REGISTER_WEBHOOKS_H_
#define RUNTIME_MANAGER_REGISTRATION_REGISTER_WEBHOOKS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/kube/kube_client.h"
#include "runtime/manager/registration/webhook_configurations.h"

namespace varmor {

// Creates the configurations or repairs them in place, so that there is no moment without them.
// Returns the names of those that were written; nothing is written when all is as it should be.
// Call it at the start, when the certificates' authorities change, and now and then: somebody may
// have edited or deleted them. One replica at a time ought to do so; several do no harm as long as
// their options are the same.
absl::StatusOr<std::vector<std::string>> EnsureWebhooks(KubeClient& client,
                                                        const WebhookOptions& options);

// Whether a manager that exits leaves nobody behind: its Deployment is gone, going, or scaled to 0.
// `deployment` is null when it is gone. Otherwise another replica takes over, and the
// configurations have to stay.
bool IsLastManager(const Json& deployment);

// For a manager that starts outside of a cluster: FAILED_PRECONDITION unless IsLastManager. Two of
// them would take the Lease and the certificates from each other.
absl::Status CheckNoInstallation(KubeClient& client, const WebhookOptions& options);

// For a manager that exits: when IsLastManager, deletes the webhook configurations, the
// certificates and the Leases `leases` of the installation, by name. True when it did. Otherwise
// one outside of a cluster deletes its own webhook configurations. All of them are tried; the
// status is the first error.
absl::StatusOr<bool> RemoveIfLast(KubeClient& client, const WebhookOptions& options,
                                  const std::vector<std::string>& leases);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_REGISTRATION_REGISTER_WEBHOOKS_H_
