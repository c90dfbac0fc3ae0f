// The webhook configurations that the manager wants to see in the cluster, and what has to be
// written so that they are there. Pure.
#ifndef RUNTIME_MANAGER_REGISTRATION_WEBHOOK_CONFIGURATIONS_H_
#define RUNTIME_MANAGER_REGISTRATION_WEBHOOK_CONFIGURATIONS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/protocol/json_fields.h"

namespace varmor {

// Names are vArmor's; outside of a cluster with "-debug" behind.
inline constexpr char kMutatingConfiguration[] = "varmor-resource-mutating-webhook-cfg";
inline constexpr char kValidatingConfiguration[] = "varmor-policy-validating-webhook-cfg";

// Paths of the webhook server.
inline constexpr char kMutatePath[] = "/mutate";
// For pods that carry kProfileLabel without having the label that asks for policies.
inline constexpr char kReleasePath[] = "/release";
inline constexpr char kValidatePath[] = "/validate";

struct WebhookOptions {
  std::string install_namespace = "varmor";
  // "" in a cluster, where the API server asks a Service; otherwise "https://ADDRESS:PORT".
  std::string url;
  // Of the Service (WEBHOOK_SERVICE_PORT).
  uint16_t service_port = 443;
  // --webhookMatchLabel: "key=value", or "" for all objects.
  std::string match_label = "sandbox.varmor.org/enable=true";
  // --webhookTimeout.
  int timeout_seconds = 10;
  // "Ignore": what the webhook cannot see passes; "Fail": it does not.
  std::string mutating_failure_policy = "Ignore";
  std::string validating_failure_policy = "Fail";
  // Of the mutating webhook; null: all but kube-system and the installation's own.
  Json namespace_selector;
  // PEM.
  std::string ca_bundle;
};

// INVALID_ARGUMENT, with every problem: match_label is not empty and has not exactly one "=", the
// timeout is not within 1 to 30 seconds, a failure policy is none, a namespace selector that leaves
// the installation's own namespace in is combined with "Fail" (a manager that is down could then
// never come back).
absl::Status CheckWebhookOptions(const WebhookOptions& options);

// What ought to be stored, with every default spelled out. `options` are checked.
Json MutatingConfiguration(const WebhookOptions& options);
Json ValidatingConfiguration(const WebhookOptions& options);

// `stored` (null: there is none) with everything of `wanted` in it, to be created or updated;
// nothing when that is what is stored. Labels and annotations that others added stay.
std::optional<Json> RepairedConfiguration(const Json& stored, const Json& wanted);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_REGISTRATION_WEBHOOK_CONFIGURATIONS_H_
