// varmor-manager: reads flags and environment, makes the parts, and connects them.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/compiler/version.h"
#include "runtime/flags/daemon_flags.h"
#include "runtime/flags/go_flags.h"
#include "runtime/kube/kube_config.h"
#include "runtime/kube/kube_http_client.h"
#include "runtime/log/logger.h"
#include "runtime/manager/manager.h"
#include "runtime/manager/registration/register_webhooks.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

// Exit statuses: 0 stopped by a signal, 1 not leading any more or another end, 2 usage.
constexpr int kExitUsage = 2;

constexpr char kServiceAccountDirectory[] = "/var/run/secrets/kubernetes.io/serviceaccount";

struct ManagerFlags {
  DaemonFlags daemon;
  std::string service_account_directory = kServiceAccountDirectory;
  bool lenient = false;
  bool cluster_policies_opt_out = true;
  std::string mutating_failure_policy = "Ignore";
  std::string validating_failure_policy = "Fail";
  absl::Duration settle_time = absl::Minutes(3);
  absl::Duration retire_timeout = absl::Minutes(10);
};

void AddManagerFlags(GoFlags& flags, ManagerFlags& values) {
  AddDaemonFlags(flags, values.daemon);
  flags.String("serviceAccountDirectory", "token, ca.crt and namespace of this pod",
               values.service_account_directory);
  flags.Bool("lenient", "warn of what vArmor accepts and ignores, instead of refusing it",
             values.lenient);
  flags.Bool("clusterPoliciesOptOut",
             "containers may say \"unconfined\" against cluster policies too",
             values.cluster_policies_opt_out);
  flags.String("webhookFailurePolicy", "Ignore or Fail: workloads when no manager answers",
               values.mutating_failure_policy);
  flags.String("policyFailurePolicy", "Fail or Ignore: policies when no manager answers",
               values.validating_failure_policy);
  flags.Duration("settleTime", "for how long a new leader waits for silent nodes",
                 values.settle_time);
  flags.Duration("retireTimeout", "for how long a deleted policy waits for its nodes",
                 values.retire_timeout);
}

std::string Environment(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

// Ports below 1025 and what is no number count as not given, as vArmor has it; the log says so.
uint16_t Port(const char* name, uint16_t fallback, Logger& logger) {
  const std::string text = Environment(name);
  if (text.empty()) return fallback;
  int port = 0;
  if (absl::SimpleAtoi(text, &port) && port >= 1025 && port <= 65535) {
    return static_cast<uint16_t>(port);
  }
  logger.Warning("a port has to be from 1025 to 65535; the usual one is taken",
                 {{"variable", name}, {"value", text}});
  return fallback;
}

absl::StatusOr<KubeConfig> Configuration(const ManagerFlags& flags) {
  if (flags.daemon.kubeconfig.empty()) {
    return InClusterKubeConfig(Environment("KUBERNETES_SERVICE_HOST"),
                               Environment("KUBERNETES_SERVICE_PORT"),
                               flags.service_account_directory);
  }
  if (access(absl::StrCat(flags.service_account_directory, "/token").c_str(), F_OK) == 0) {
    return absl::InvalidArgumentError(
        "flag -kubeconfig is for use outside of a cluster; this is a pod of one");
  }
  return LoadKubeConfig(flags.daemon.kubeconfig);
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

ManagerOptions Options(const ManagerFlags& flags, const KubeConfig& config, Logger& logger) {
  const DaemonFlags& daemon = flags.daemon;
  ManagerOptions options;
  std::string own = Environment("POD_NAMESPACE");
  if (own.empty() && daemon.kubeconfig.empty()) own = config.name_space;
  if (own.empty()) own = "varmor";
  options.features.install_namespace = own;
  options.features.lenient = flags.lenient;
  options.features.service_egress = daemon.enable_service_egress_control;
  options.features.pod_egress = daemon.enable_pod_egress_control;
  options.opt_out.cluster_policies = flags.cluster_policies_opt_out;
  options.pod_name = Environment("POD_NAME");
  if (options.pod_name.empty()) options.pod_name = Environment("HOSTNAME");
  options.webhook_port = Port("WEBHOOK_SERVICE_PORT", 3443, logger);
  options.status_port = Port("STATUS_SERVICE_PORT", 8080, logger);
  options.metrics_port = Port("METRICS_SERVICE_PORT", 8081, logger);
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
  if (!daemon.kubeconfig.empty()) {
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
  const ManagerOptions options = Options(flags, config, logger);
  if (options.pod_name.empty()) {
    return absl::InvalidArgumentError("set POD_NAME: the election needs a name for this replica");
  }
  VARMOR_RETURN_IF_ERROR(CheckWebhookOptions(options.webhooks));
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
  const absl::StatusOr<bool> removed = flags.daemon.kubeconfig.empty()
                                           ? RemoveIfLast(*client, options.webhooks, {kLeaderLease})
                                           : absl::StatusOr<bool>(true);
  if (!removed.ok()) return removed.status();
  if (!flags.daemon.kubeconfig.empty()) {
    return RemoveRegistration(*client, options.webhooks, {kLeaderLease});
  }
  if (*removed) logger.Info("the last manager: webhooks and certificates are removed");
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

  GoFlags flags("varmor-manager");
  ManagerFlags values;
  AddManagerFlags(flags, values);
  const absl::Status status = flags.Parse({argv + 1, argv + argc});
  if (absl::IsCancelled(status)) {
    std::fputs(flags.Usage().c_str(), stdout);
    return EXIT_SUCCESS;
  }
  std::vector<std::string> mistakes;
  const auto note = [&mistakes](const absl::Status& wrong) {
    if (!wrong.ok()) mistakes.emplace_back(wrong.message());
  };
  note(status);
  if (!flags.operands().empty()) {
    mistakes.push_back(absl::StrCat(Quoted(flags.operands()[0]), " is no flag; write -NAME=VALUE"));
  }
  note(FinishDaemonFlags(values.daemon));
  if (values.daemon.agent) {
    mistakes.push_back("flag -agent: the agent is a program of its own, varmor-agent");
  }
  if (values.daemon.pre_delete) {
    mistakes.push_back(
        "flag -preDelete: delete the policies with kubectl before the manager "
        "(docs/operations.md)");
  }
  if (!mistakes.empty()) {
    for (const std::string& mistake : mistakes) std::fprintf(stderr, "%s\n", mistake.c_str());
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
