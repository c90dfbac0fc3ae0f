// Violations of AppArmor and seccomp profiles of one run, out of the kernel's audit records.
#ifndef TOOLS_VARMOR_RUN_AUDIT_REPORTS_H_
#define TOOLS_VARMOR_RUN_AUDIT_REPORTS_H_

#include <sys/types.h>

#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "lib/compiler/simulate/decide.h"
#include "lib/enforcers/audit/audit_log.h"
#include "lib/enforcers/audit/audit_violation.h"
#include "tools/varmor/run/run_enforcer.h"

namespace varmor {

class AuditReports {
 public:
  // `artifacts` have to outlive this; `simulate` is used at the first violation.
  AuditReports(const ArtifactSet& artifacts, SimulateOptions simulate, bool json, RunLine line)
      : artifacts_(artifacts), simulate_(simulate), json_(json), line_(std::move(line)) {}

  absl::Status Open() { return log_.Open(); }
  int fd() const { return log_.fd(); }

  // Whose records are told: those of this process and of what is in the cgroup ("": of its
  // children).
  void Follow(pid_t pid, std::string cgroup);
  void Report(int wait_ms);
  // Records that were lost.
  uint64_t overruns() const { return log_.overruns(); }

 private:
  bool IsOurs(const AuditViolation& violation);
  bool IsOurProcess(pid_t pid, bool& gone);

  ArtifactSet artifacts_;
  SimulateOptions simulate_;
  bool json_;
  RunLine line_;
  AuditLog log_;
  std::optional<absl::StatusOr<Simulator>> simulator_;
  pid_t root_ = 0;
  std::string cgroup_;
  std::set<pid_t> known_;
};

}  // namespace varmor

#endif  // TOOLS_VARMOR_RUN_AUDIT_REPORTS_H_
