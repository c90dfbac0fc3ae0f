// BpfEnforcer::SelfTest: whether the programs are called, and deny.
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "lib/enforcers/bpf/bpf_enforcer_parts.h"
#include "lib/enforcers/bpf/canary/canary.h"
#include "lib/enforcers/bpf/canary/canary_child.h"
#include "lib/enforcers/bpf/canary/embedded_canary.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "lib/enforcers/bpf/kernel_features.h"
#include "lib/enforcers/bpf/pins.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

// Why nothing at all may have been denied.
std::string Hint(const std::string& directory) {
  const KernelFeatures features = ReadKernelFeatures(directory);
  if (!features.lsms_unknown && !features.lsm_active) {
    return absl::StrCat("; bpf is missing from lsm=", features.lsms,
                        ": programs are attached, but never called");
  }
  return "";
}

absl::Status Judge(int wrong, const std::string& directory) {
  const std::pair<int, const char*> kTried[] = {{CANARY_OPEN, "opening a file"},
                                                {CANARY_EXEC, "executing a program"},
                                                {CANARY_CONNECT, "connecting"},
                                                {CANARY_CAPABILITY, "using a capability"}};
  std::vector<std::string> allowed;
  for (const auto& [bit, what] : kTried) {
    if ((wrong & bit) != 0) allowed.push_back(what);
  }
  if (!allowed.empty()) {
    const bool everything = allowed.size() == std::size(kTried);
    return absl::FailedPreconditionError(absl::StrCat(
        "the BPF programs do not deny what a profile denies: ", absl::StrJoin(allowed, ", "),
        everything ? Hint(directory) : ""));
  }
  if (wrong != 0) {
    return absl::FailedPreconditionError(
        "the BPF programs deny what a profile allows: opening a file or connecting");
  }
  return absl::OkStatus();
}

// Cgroups of self-tests, each named after its process.
constexpr absl::string_view kCgroup = "varmor-canary-";

// What a self-test that was killed left: its cgroup, and the subject.
absl::Status RemoveLeftovers(BpfEnforcer& enforcer, const std::string& mount,
                             const std::string& profile) {
  // Subjects first: of one that comes later the cgroup would not be known.
  VARMOR_ASSIGN_OR_RETURN(const std::vector<BpfSubject> subjects, enforcer.Subjects());
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(mount));
  std::set<uint64_t> in_use;
  for (const std::string& name : names) {
    absl::string_view number = name;
    pid_t pid = 0;
    if (!absl::ConsumePrefix(&number, kCgroup) || !absl::SimpleAtoi(number, &pid)) continue;
    const std::string path = absl::StrCat(mount, "/", name);
    const absl::StatusOr<uint64_t> id = CgroupIdOfPath(path);
    const bool ended = pid == getpid() || (kill(pid, 0) != 0 && errno == ESRCH);
    if (id.ok() && !(ended && RemoveCgroup(path).ok())) in_use.insert(*id);
  }
  for (const BpfSubject& subject : subjects) {
    if (subject.profile != profile || in_use.count(subject.cgroup) > 0) continue;
    const absl::Status withdrawn = enforcer.Withdraw(subject.cgroup);
    if (!absl::IsNotFound(withdrawn)) VARMOR_RETURN_IF_ERROR(withdrawn);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BpfStartReport> BpfEnforcer::StartTested() {
  Parts& p = *parts_;
  VARMOR_ASSIGN_OR_RETURN(const BpfStartReport report, Start());
  if (IsTested(p.version->path)) return report;
  const absl::Status passed = SelfTest();
  if (passed.ok()) return report;
  // What was there before goes on, however little it may do; and what others did meanwhile.
  if (report.adopted || !report.superseded.empty() || !report.others.empty()) return passed;
  const absl::StatusOr<std::vector<BpfProfileState>> profiles = Profiles();
  if (!profiles.ok() || !profiles->empty()) return passed;
  const absl::Status gone = Uninstall();
  if (gone.ok()) return passed;
  return absl::Status(passed.code(),
                      absl::StrCat(passed.message(), "; the programs stay: ", gone.message()));
}

absl::Status BpfEnforcer::SelfTest() {
  BpfArtifact canary;
  const absl::string_view bytes = CanaryArtifact();
  if (!canary.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InternalError("the canary's profile in this binary is damaged");
  }
  std::string mount = parts_->options.cgroup_mount;
  if (mount.empty()) {
    VARMOR_ASSIGN_OR_RETURN(mount, FindCgroupMount());
  }
  VARMOR_RETURN_IF_ERROR(RemoveLeftovers(*this, mount, canary.name()));
  VARMOR_RETURN_IF_ERROR(ApplyAll({&canary}).front());
  const std::string path = absl::StrCat(mount, "/", kCgroup, getpid());
  absl::Status status = MakeCgroup(path);
  BpfSubject subject;
  subject.profile = canary.name();
  if (status.ok()) {
    const absl::StatusOr<uint64_t> id = CgroupIdOfPath(path);
    status = id.status();
    if (id.ok()) subject.cgroup = *id;
  }
  if (status.ok()) status = Enroll(subject);
  if (status.ok()) {
    const absl::StatusOr<int> wrong = RunCanary(path);
    status = wrong.ok() ? Judge(*wrong, parts_->options.directory) : wrong.status();
    status.Update(Withdraw(subject.cgroup));
  }
  // Another process may be testing itself with the profile.
  const absl::Status removed = Remove(canary.name());
  if (!absl::IsFailedPrecondition(removed)) status.Update(removed);
  RemoveCgroup(path).IgnoreError();
  if (status.ok()) status = MarkTested(*parts_->calls, parts_->version->path);
  return status;
}

}  // namespace varmor
