// BpfEnforcer::SelfTest: whether the programs are called, and deny.
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "lib/enforcers/bpf/bpf_enforcer_parts.h"
#include "lib/enforcers/bpf/canary/canary.h"
#include "lib/enforcers/bpf/canary/canary_child.h"
#include "lib/enforcers/bpf/canary/embedded_canary.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "lib/enforcers/bpf/kernel_features.h"

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

}  // namespace

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
  VARMOR_RETURN_IF_ERROR(ApplyAll({&canary}).front());
  const std::string path = absl::StrCat(mount, "/varmor-canary-", getpid());
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
  return status;
}

}  // namespace varmor
