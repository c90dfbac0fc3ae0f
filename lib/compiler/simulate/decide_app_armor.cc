#include "lib/compiler/simulate/decide_app_armor.h"

#include "absl/status/status.h"

namespace varmor {

absl::StatusOr<AppArmorSimulator> AppArmorSimulator::Load(const AppArmorArtifact& /*artifact*/,
                                                          const SimulateOptions& /*options*/) {
  return absl::UnimplementedError("AppArmor decisions");
}

absl::StatusOr<Verdict> AppArmorSimulator::Decide(const Event& /*event*/) const {
  return absl::UnimplementedError("AppArmor decisions");
}

}  // namespace varmor
