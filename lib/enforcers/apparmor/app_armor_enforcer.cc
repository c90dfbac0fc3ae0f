#include "lib/enforcers/apparmor/app_armor_enforcer.h"

namespace varmor {
namespace {

absl::Status NotYet() { return absl::UnimplementedError("AppArmor profiles are not loaded yet"); }

}  // namespace

struct AppArmorEnforcer::Parts {};

AppArmorEnforcer::AppArmorEnforcer(AppArmorOptions) {}
AppArmorEnforcer::AppArmorEnforcer(AppArmorOptions, AppArmorHost&, FileCalls&) {}
AppArmorEnforcer::~AppArmorEnforcer() = default;
EnforcerSupport AppArmorEnforcer::Probe() {
  return {false, "AppArmor profiles are not loaded yet", "wait for the next version", {}};
}
absl::Status AppArmorEnforcer::Apply(const ArtifactSet&) { return NotYet(); }
std::vector<absl::Status> AppArmorEnforcer::ApplyAll(absl::Span<const ArtifactSet> sets) {
  return std::vector<absl::Status>(sets.size(), NotYet());
}
absl::Status AppArmorEnforcer::Remove(absl::string_view) { return NotYet(); }
absl::StatusOr<AppArmorState> AppArmorEnforcer::Inspect(absl::string_view) { return NotYet(); }
absl::StatusOr<std::vector<std::string>> AppArmorEnforcer::Profiles() { return NotYet(); }

}  // namespace varmor
