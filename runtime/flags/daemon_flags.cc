#include "runtime/flags/daemon_flags.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {
namespace {

// Letters, digits, and between them also what is in `more`; from 1 to `longest` bytes.
bool IsWord(absl::string_view text, size_t longest, absl::string_view more) {
  if (text.empty() || text.size() > longest || !absl::ascii_isalnum(text.front()) ||
      !absl::ascii_isalnum(text.back())) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return absl::ascii_isalnum(c) || more.find(c) != absl::string_view::npos;
  });
}

// As the API server takes them: apimachinery's IsQualifiedName, IsDNS1123Subdomain and
// IsValidLabelValue.
bool IsLabelKey(absl::string_view key) {
  const size_t slash = key.find('/');
  if (slash == absl::string_view::npos) return IsWord(key, 63, "-_.");
  const absl::string_view domain = key.substr(0, slash);
  if (domain.size() > 253) return false;
  for (const absl::string_view part : absl::StrSplit(domain, '.')) {
    if (!IsWord(part, 253, "-") || std::any_of(part.begin(), part.end(), absl::ascii_isupper)) {
      return false;
    }
  }
  return IsWord(key.substr(slash + 1), 63, "-_.");
}

bool IsLabelValue(absl::string_view value) { return value.empty() || IsWord(value, 63, "-_."); }

void CheckLabel(const std::string& label, std::vector<std::string>& mistakes) {
  if (label.empty()) return;
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(label, absl::MaxSplits('=', 1));
  if (!absl::StrContains(label, '=') || absl::StrContains(parts.second, '=')) {
    mistakes.push_back(
        absl::StrCat("flag -webhookMatchLabel: ", Quoted(label), " is not KEY=VALUE, nor empty"));
    return;
  }
  if (!IsLabelKey(parts.first)) {
    mistakes.push_back(absl::StrCat("flag -webhookMatchLabel: ", Quoted(parts.first),
                                    " is no key of a label, as in sandbox.varmor.org/enable"));
  }
  if (!IsLabelValue(parts.second)) {
    mistakes.push_back(absl::StrCat(
        "flag -webhookMatchLabel: ", Quoted(parts.second),
        " is no value of a label: at most 63 letters, digits, and between them - _ and ."));
  }
}

void CheckRate(const DaemonFlags& values, std::vector<std::string>& mistakes) {
  // Written so that what is no number fails.
  if (!(values.client_rate_limit_qps >= 0 && values.client_rate_limit_qps <= 1e6)) {
    mistakes.push_back(absl::StrCat("flag -clientRateLimitQPS: ", values.client_rate_limit_qps,
                                    " is not from 0 to 1000000"));
  }
  const int64_t burst = values.client_rate_limit_burst;
  const int64_t lowest = values.client_rate_limit_qps > 0 ? 1 : 0;
  if (burst < lowest || burst > 1000000) {
    mistakes.push_back(absl::StrCat("flag -clientRateLimitBurst: ", burst, " is not from ", lowest,
                                    " to 1000000; -clientRateLimitQPS=0 is no limit"));
  }
}

}  // namespace

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
  flags.Int("clientRateLimitBurst", "requests at once to the API server, where there is a limit",
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
  flags.Int("v", "log level; from 2 on the agent says more", values.verbosity);
  flags.Int("verbosity", "the same as v", values.verbosity);
  flags.String("managerIP", "address of the manager outside of a cluster", values.manager_ip);
  flags.String("kubeconfig", "file for use outside of a cluster", values.kubeconfig);
  flags.Bool("version", "print the version and exit", values.version);
  flags.Bool("debug", "the agent says more", values.debug);
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
  CheckLabel(values.webhook_match_label, mistakes);
  if (values.webhook_timeout_s < 1 || values.webhook_timeout_s > 30) {  // admissionregistration/v1
    mistakes.push_back(absl::StrCat("flag -webhookTimeout: ", values.webhook_timeout_s,
                                    " is not from 1 to 30 seconds"));
  }
  CheckRate(values, mistakes);
  if (values.status_update_cycle < absl::Seconds(1) ||
      values.status_update_cycle > kLongestInterval) {
    mistakes.push_back(
        absl::StrCat("flag -statusUpdateCycle: ", absl::FormatDuration(values.status_update_cycle),
                     " is not from 1s to ", absl::FormatDuration(kLongestInterval)));
  }
  if (mistakes.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(mistakes, "\n"));
}

}  // namespace varmor
