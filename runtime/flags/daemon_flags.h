// The flags that both daemons accept, whatever their role: those of vArmor, whose installations
// pass them to every container, and what is ours in both.
#ifndef RUNTIME_FLAGS_DAEMON_FLAGS_H_
#define RUNTIME_FLAGS_DAEMON_FLAGS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/flags/go_flags.h"

namespace varmor {

// Names and defaults are those of vArmor 0.8 to 0.10.
struct DaemonFlags {
  bool agent = false;
  bool pre_delete = false;
  bool enable_metrics = false;
  bool enable_bpf_enforcer = false;
  bool enable_behavior_modeling = false;
  // enablePodServiceEgressControl, which sets both, enableServiceEgressControl,
  // enablePodEgressControl; see FinishDaemonFlags.
  bool enable_pod_service_egress_control = false;
  bool enable_service_egress_control = false;
  bool enable_pod_egress_control = false;
  bool unload_all_aa_profiles = false;
  bool remove_all_seccomp_profiles = false;
  bool bpf_exclusive_mode = false;
  bool restart_exist_workloads = false;
  double client_rate_limit_qps = 100;
  int64_t client_rate_limit_burst = 200;
  int64_t webhook_timeout_s = 10;
  std::string webhook_match_label = "sandbox.varmor.org/enable=true";
  absl::Duration status_update_cycle = absl::Hours(2);
  std::string audit_log_paths = "/var/log/audit/audit.log|/var/log/kern.log";
  // "text" or "json".
  std::string log_format = "text";
  // -v and -verbosity.
  int64_t verbosity = 0;
  std::string manager_ip = "0.0.0.0";
  std::string kubeconfig;
  bool version = false;
  bool debug = false;
};

// Of what is done again and again: longer ones are a slip of the pen, and "inf" is never.
constexpr absl::Duration kLongestInterval = absl::Hours(24 * 365);

// `values` has to outlive the parsing.
void AddDaemonFlags(GoFlags& flags, DaemonFlags& values);

// After parsing: joins the flags of egress control, and checks what the types do not:
// INVALID_ARGUMENT with every mistake, one line each.
absl::Status FinishDaemonFlags(DaemonFlags& values);

}  // namespace varmor

#endif  // RUNTIME_FLAGS_DAEMON_FLAGS_H_
