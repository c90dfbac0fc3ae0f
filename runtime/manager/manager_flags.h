// The command line and the environment of varmor-manager.
#ifndef RUNTIME_MANAGER_MANAGER_FLAGS_H_
#define RUNTIME_MANAGER_MANAGER_FLAGS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/flags/daemon_flags.h"

namespace varmor {

struct ManagerFlags {
  DaemonFlags daemon;

  std::string service_account_directory = "/var/run/secrets/kubernetes.io/serviceaccount";
  bool lenient = false;
  bool cluster_policies_opt_out = true;
  std::string mutating_failure_policy = "Ignore";
  std::string validating_failure_policy = "Fail";
  absl::Duration settle_time = absl::Minutes(3);
  absl::Duration retire_timeout = absl::Minutes(10);

  // From the environment: POD_NAME, else HOSTNAME.
  std::string pod_name;
  // POD_NAMESPACE, or "".
  std::string name_space;
  std::string api_host;
  std::string api_port;
  uint16_t webhook_port = 3443;
  uint16_t status_port = 8080;
  uint16_t metrics_port = 8081;

  bool InCluster() const { return daemon.kubeconfig.empty(); }
};

// `environment` gives a variable's value, null for none. INVALID_ARGUMENT with every mistake, one
// line each; CANCELLED when help is asked for, which is in `usage`. With -version nothing but the
// command line is read.
absl::Status ReadManagerFlags(const std::vector<std::string>& words,
                              const std::function<const char*(const char*)>& environment,
                              ManagerFlags& flags, std::string& usage);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_MANAGER_FLAGS_H_
