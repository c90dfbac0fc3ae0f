#include "tools/varmor/run/audit_reports.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/enforcers/files.h"
#include "tools/varmor/run/run_cgroup.h"

namespace varmor {
namespace {

// 0 when it is gone.
pid_t ParentOf(pid_t pid) {
  const absl::StatusOr<std::string> text = ReadFileWhole(absl::StrCat("/proc/", pid, "/status"));
  if (!text.ok()) return 0;
  const size_t at = text->find("\nPPid:");
  pid_t parent = 0;
  if (at == std::string::npos) return 0;
  const std::string rest = text->substr(at + 6, text->find('\n', at + 1) - at - 6);
  return absl::SimpleAtoi(rest, &parent) ? parent : 0;
}

}  // namespace

void AuditReports::Follow(pid_t pid, std::string cgroup) {
  root_ = pid;
  cgroup_ = std::move(cgroup);
  known_ = {pid};
}

bool AuditReports::IsOurProcess(pid_t pid, bool& gone) {
  gone = false;
  if (known_.count(pid) > 0) return true;
  if (!cgroup_.empty()) {
    const int inside = IsInCgroup(pid, cgroup_);
    gone = inside < 0;
    if (inside > 0) known_.insert(pid);
    return inside > 0;
  }
  bool first = true;
  for (pid_t at = pid; at > 1; at = ParentOf(at)) {
    if (known_.count(at) > 0) {
      known_.insert(pid);
      return true;
    }
    if (std::exchange(first, false)) gone = ParentOf(at) == 0;
  }
  return false;
}

bool AuditReports::IsOurs(const AuditViolation& violation) {
  if (violation.enforcer == "AppArmor") {
    if (artifacts_.app_armor == nullptr) return false;
    const std::string& name = artifacts_.app_armor->name();
    return violation.profile == name || absl::StartsWith(violation.profile, name + "//");
  }
  if (artifacts_.seccomp == nullptr) return false;
  bool gone = false;
  if (IsOurProcess(static_cast<pid_t>(violation.process), gone)) return true;
  // A process that ended meanwhile: ours when the filter has a rule that says so.
  return gone && !violation.rules.empty();
}

void AuditReports::Report(int wait_ms) {
  for (const std::string& record : log_.Read(wait_ms)) {
    std::optional<AuditViolation> violation = ReadAuditRecord(record);
    if (!violation.has_value()) continue;
    if (!simulator_.has_value()) simulator_.emplace(Simulator::Load(artifacts_, simulate_));
    if (simulator_->ok()) NameRules(artifacts_, **simulator_, *violation);
    if (!IsOurs(*violation)) continue;
    if (violation->profile.empty()) violation->profile = artifacts_.seccomp->name();
    line_(json_ ? AuditViolationJson(*violation)
                : absl::StrCat(violation->enforcer, ": ", AuditViolationText(*violation)));
  }
}

}  // namespace varmor
