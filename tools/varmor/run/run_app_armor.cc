// AppArmor: the profile is loaded for this run and entered at exec.
#include "absl/memory/memory.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/apparmor/app_armor_enforcer.h"
#include "lib/enforcers/apparmor/change_on_exec.h"
#include "tools/varmor/run/run_enforcer.h"

namespace varmor {
namespace {

class AppArmor : public RunEnforcer {
 public:
  AppArmor() : enforcer_(AppArmorOptions()) {}

  absl::string_view name() const override { return "AppArmor"; }
  EnforcerSupport Probe() override { return enforcer_.Probe(); }
  std::vector<UnenforcedRule> Unenforced(const ArtifactSet& artifacts) override {
    return enforcer_.Unenforced(artifacts);
  }

  absl::Status Load(const ArtifactSet& artifacts) override {
    VARMOR_RETURN_IF_ERROR(enforcer_.Apply(artifacts));
    profile_ = artifacts.app_armor->name();
    return absl::OkStatus();
  }

  absl::Status Confine() override { return ChangeOnExec(profile_); }

  absl::Status Unload() override {
    if (profile_.empty()) return absl::OkStatus();
    const absl::Status removed = enforcer_.Remove(profile_);
    return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
  }

 private:
  AppArmorEnforcer enforcer_;
  std::string profile_;
};

}  // namespace

std::unique_ptr<RunEnforcer> AppArmorForRun() { return absl::make_unique<AppArmor>(); }

}  // namespace varmor
