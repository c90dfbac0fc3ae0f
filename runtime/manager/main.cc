// varmor-manager: reads flags and environment, makes the parts, and connects them.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/compiler/version.h"
#include "runtime/kube/kube_config.h"
#include "runtime/kube/kube_http_client.h"
#include "runtime/log/logger.h"
#include "runtime/manager/manager.h"
#include "runtime/manager/manager_flags.h"
#include "runtime/manager/registration/register_webhooks.h"

namespace varmor {
namespace {

// Exit statuses: 0 stopped by a signal, 1 not leading any more or another end, 2 usage.
constexpr int kExitUsage = 2;

absl::StatusOr<KubeConfig> Configuration(const ManagerFlags& flags) {
  if (!flags.InCluster()) return LoadKubeConfig(flags.daemon.kubeconfig);
  return InClusterKubeConfig(flags.api_host, flags.api_port, flags.service_account_directory);
}

absl::StatusOr<std::unique_ptr<KubeHttpClient>> Client(const KubeConfig& config,
                                                       const DaemonFlags& flags,
                                                       absl::Duration call_limit) {
  KubeHttpClientOptions options;
  options.config = config;
  options.user_agent = absl::StrCat("varmor-manager/", kVersion);
  options.qps = flags.client_rate_limit_qps;
  options.burst = static_cast<int>(flags.client_rate_limit_burst);
  options.call_limit = call_limit;
  return KubeHttpClient::Create(options);
}

ManagerOptions Options(const ManagerFlags& flags, const KubeConfig& config) {
  const DaemonFlags& daemon = flags.daemon;
  ManagerOptions options;
  std::string own = flags.name_space;
  if (own.empty() && flags.InCluster()) own = config.name_space;
  if (own.empty()) own = "varmor";
  options.features.install_namespace = own;
  options.features.lenient = flags.lenient;
  options.features.service_egress = daemon.enable_service_egress_control;
  options.features.pod_egress = daemon.enable_pod_egress_control;
  options.opt_out.cluster_policies = flags.cluster_policies_opt_out;
  options.pod_name = flags.pod_name;
  options.webhook_port = flags.webhook_port;
  options.status_port = flags.status_port;
  options.metrics_port = flags.metrics_port;
  options.metrics = daemon.enable_metrics;
  options.bpf_exclusive = daemon.bpf_exclusive_mode;
  options.restart_workloads = daemon.restart_exist_workloads;
  options.resync = daemon.status_update_cycle;
  options.settle_time = flags.settle_time;
  options.retire_timeout = flags.retire_timeout;
  options.webhooks.install_namespace = own;
  options.webhooks.match_label = daemon.webhook_match_label;
  options.webhooks.timeout_seconds = static_cast<int>(daemon.webhook_timeout_s);
  options.webhooks.mutating_failure_policy = flags.mutating_failure_policy;
  options.webhooks.validating_failure_policy = flags.validating_failure_policy;
  if (!flags.InCluster()) {
    options.address = daemon.manager_ip;
    options.names = {daemon.manager_ip};
    options.webhooks.url = absl::StrCat("https://", daemon.manager_ip, ":", options.webhook_port);
  }
  return options;
}

absl::Status Run(const ManagerFlags& flags, Logger& logger, const sigset_t& signals) {
  VARMOR_ASSIGN_OR_RETURN(const KubeConfig config, Configuration(flags));
  VARMOR_ASSIGN_OR_RETURN(const auto client, Client(config, flags.daemon, absl::Seconds(30)));
  // Shorter than what is between a renewal and its deadline.
  VARMOR_ASSIGN_OR_RETURN(const auto lease_client, Client(config, flags.daemon, absl::Seconds(5)));
  const ManagerOptions options = Options(flags, config);
  VARMOR_RETURN_IF_ERROR(CheckWebhookOptions(options.webhooks));
  if (!flags.InCluster()) {
    VARMOR_RETURN_IF_ERROR(CheckNoInstallation(*client, options.webhooks));
  }
  if (flags.daemon.enable_behavior_modeling) {
    logger.Warning(
        "this version collects no recordings: policies of mode BehaviorModeling are "
        "refused in spite of -enableBehaviorModeling");
  }
  logger.Info("varmor-manager starts", {{"version", kVersion},
                                        {"replica", options.pod_name},
                                        {"namespace", options.features.install_namespace}});
  Manager manager(options, *client, *lease_client, logger);
  VARMOR_RETURN_IF_ERROR(manager.Start());
  std::thread stopper([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    manager.Stop();
  });
  const absl::Status status = manager.Wait();
  // Wakes the thread above, unless a signal did.
  kill(getpid(), SIGTERM);
  stopper.join();
  if (!status.ok()) return status;
  VARMOR_ASSIGN_OR_RETURN(const bool removed,
                          RemoveIfLast(*client, options.webhooks, {kLeaderLease}));
  if (removed) logger.Info("the last manager: webhooks and certificates are removed");
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  // Before there are threads, which inherit it.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  ManagerFlags values;
  std::string usage;
  const absl::Status status = ReadManagerFlags(
      {argv + 1, argv + argc}, [](const char* name) { return getenv(name); }, values, usage);
  if (absl::IsCancelled(status)) {
    std::fputs(usage.c_str(), stdout);
    return EXIT_SUCCESS;
  }
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    return kExitUsage;
  }
  if (values.daemon.version) {
    std::printf("varmor-manager %s\n", kVersion);
    return EXIT_SUCCESS;
  }
  LoggerOptions log;
  log.program = "varmor-manager";
  log.json = values.daemon.log_format == "json";
  Logger logger(std::move(log));
  const absl::Status end = Run(values, logger, signals);
  if (end.ok()) return EXIT_SUCCESS;
  logger.Error("varmor-manager ends", {{"error", end.ToString()}});
  return EXIT_FAILURE;
}

}  // namespace
}  // namespace varmor

int main(int argc, char** argv) { return varmor::Main(argc, argv); }
