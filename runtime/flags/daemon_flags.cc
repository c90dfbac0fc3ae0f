#include "runtime/flags/daemon_flags.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {

void AddDaemonFlags(GoFlags& flags, DaemonFlags& values) {
  flags.Bool("agent", "vArmor's word for the agent; varmor-manager refuses it", values.agent);
  flags.Bool("preDelete", "refused: delete policies with kubectl", values.pre_delete);
  flags.Bool("enableMetrics", "serve metrics", values.enable_metrics);
  flags.Bool("enableBpfEnforcer", "use the BPF enforcer", values.enable_bpf_enforcer);
  flags.Bool("enableBehaviorModeling", "without effect: nothing is recorded",
             values.enable_behavior_modeling);
  flags.Bool("enablePodServiceEgressControl", "both flags of egress control",
             values.enable_pod_service_egress_control);
  flags.Bool("enableServiceEgressControl", "rules about services",
             values.enable_service_egress_control);
  flags.Bool("enablePodEgressControl", "rules about pods", values.enable_pod_egress_control);
  flags.Bool("unloadAllAaProfiles", "the agent unloads its AppArmor profiles when it ends",
             values.unload_all_aa_profiles);
  flags.Bool("removeAllSeccompProfiles", "the agent removes its seccomp profiles when it ends",
             values.remove_all_seccomp_profiles);
  flags.Bool("bpfExclusiveMode", "with BPF, containers are not confined by AppArmor",
             values.bpf_exclusive_mode);
  flags.Bool("restartExistWorkloads", "honour updateExistingWorkloads",
             values.restart_exist_workloads);
  flags.Float("clientRateLimitQPS", "requests a second to the API server; 0: no limit",
              values.client_rate_limit_qps);
  flags.Int("clientRateLimitBurst", "requests at once to the API server; 0: no limit",
            values.client_rate_limit_burst);
  flags.Int("webhookTimeout", "timeoutSeconds of the webhooks", values.webhook_timeout_s);
  flags.String("webhookMatchLabel", "KEY=VALUE that workloads must have; empty: all",
               values.webhook_match_label);
  flags.Duration("statusUpdateCycle", "between two full updates of status",
                 values.status_update_cycle);
  flags.String("auditLogPaths",
               "logs to read when the kernel's audit records cannot be had, with | between",
               values.audit_log_paths);
  flags.String("logFormat", "text or json", values.log_format);
  flags.Int("v", "log level; 2 is for debugging", values.verbosity);
  flags.Int("verbosity", "the same as v", values.verbosity);
  flags.String("managerIP", "address of the manager outside of a cluster", values.manager_ip);
  flags.String("kubeconfig", "file for use outside of a cluster", values.kubeconfig);
  flags.Bool("version", "print the version and exit", values.version);
  flags.Bool("debug", "more messages; keep raw modelling data", values.debug);
}

absl::Status FinishDaemonFlags(DaemonFlags& values) {
  if (values.enable_pod_service_egress_control) {
    values.enable_service_egress_control = values.enable_pod_egress_control = true;
  }
  std::vector<std::string> mistakes;
  if (values.log_format != "text" && values.log_format != "json") {
    mistakes.push_back(
        absl::StrCat("flag -logFormat: ", Quoted(values.log_format), " is not text or json"));
  }
  const std::string& label = values.webhook_match_label;
  if (!label.empty() &&
      (std::count(label.begin(), label.end(), '=') != 1 || label.front() == '=')) {
    mistakes.push_back(
        absl::StrCat("flag -webhookMatchLabel: ", Quoted(label), " is not KEY=VALUE, nor empty"));
  }
  if (values.webhook_timeout_s < 1 || values.webhook_timeout_s > 30) {  // admissionregistration/v1
    mistakes.push_back(absl::StrCat("flag -webhookTimeout: ", values.webhook_timeout_s,
                                    " is not from 1 to 30 seconds"));
  }
  if (values.client_rate_limit_qps < 0 || values.client_rate_limit_burst < 0) {
    mistakes.push_back("flags -clientRateLimitQPS and -clientRateLimitBurst cannot be negative");
  }
  if (values.status_update_cycle <= absl::ZeroDuration()) {
    mistakes.push_back("flag -statusUpdateCycle has to be longer than nothing");
  }
  if (mistakes.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(mistakes, "\n"));
}

}  // namespace varmor
