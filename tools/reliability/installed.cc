#include "tools/reliability/installed.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"
#include "tools/reliability/policies.h"

namespace varmor {

BpfEnforcerOptions BuildOptions(bool second) {
  BpfEnforcerOptions options;
  options.variant =
      second ? BpfEnforcerOptions::Variant::kBpfLoop : BpfEnforcerOptions::Variant::kBoundedLoops;
  return options;
}

std::set<std::string> WholeVersions() {
  std::set<std::string> whole;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(BpfEnforcerOptions().directory, error)) {
    if (std::filesystem::exists(entry.path() / "complete", error)) {
      whole.insert(entry.path().filename());
    }
  }
  return whole;
}

absl::Status Installed::Rest() {
  BpfEnforcer enforcer(BuildOptions(false));
  VARMOR_RETURN_IF_ERROR(enforcer.Start().status());
  const BpfArtifact artifact = ProberProfile("relia", 'A');
  VARMOR_RETURN_IF_ERROR(enforcer.Apply(Only(artifact)));
  const std::string cgroup = CgroupNamed("relia");
  VARMOR_RETURN_IF_ERROR(enforcer.Enroll(SubjectOf(cgroup, kProberProfile)));
  VARMOR_ASSIGN_OR_RETURN(const std::vector<BpfSubject> subjects, enforcer.Subjects());
  for (const BpfSubject& subject : subjects) {
    if (subject.cgroup == SubjectOf(cgroup, "").cgroup) continue;
    VARMOR_RETURN_IF_ERROR(enforcer.Withdraw(subject.cgroup));
  }
  VARMOR_ASSIGN_OR_RETURN(const std::vector<BpfProfileState> profiles, enforcer.Profiles());
  for (const BpfProfileState& profile : profiles) {
    if (profile.name != kProberProfile) VARMOR_RETURN_IF_ERROR(enforcer.Remove(profile.name));
  }
  // It leaves the mark that the version has passed it.
  return enforcer.SelfTest();
}

Installed::Installed(Checks& checks) : checks_(checks) {
  MakeFiles();
  CgroupNamed("relia");
  BpfEnforcer(BpfEnforcerOptions()).Uninstall().IgnoreError();
  before_ = CountKernelObjects();
  if (!checks.Need(Rest(), "install")) return;
  // Some of what loading needed is freed late.
  sleep(2);
  resting_ = CountKernelObjects();
  prober_ = std::make_unique<Prober>();
}

Installed::~Installed() {
  prober_.reset();
  if (!checks_.Need(BpfEnforcer(BpfEnforcerOptions()).Uninstall(), "uninstall")) return;
  const KernelObjects after = AwaitKernelObjects(before_);
  checks_.Expect(after == before_, "after uninstalling the kernel has what it had before",
                 absl::StrCat(before_.Text(), "; now ", after.Text()));
}

void Installed::CheckResting(const std::string& name) {
  if (!checks_.Need(Rest(), absl::StrCat(name, ": the next enforcer puts everything in order"))) {
    return;
  }
  const KernelObjects now = AwaitKernelObjects(resting_);
  checks_.Expect(now == resting_, absl::StrCat(name, ": nothing is left behind"),
                 absl::StrCat(resting_.Text(), "; now ", now.Text()));
}

}  // namespace varmor
