#include "lib/compiler/diff/diff_app_armor.h"

namespace varmor {

absl::Status DiffAppArmor(const AppArmorArtifact* /*before*/, const AppArmorArtifact* /*after*/, const SimulateOptions& /*options*/,
                 DiffResult& result) {
  result.undecided.push_back("AppArmor: comparing is not implemented");
  return absl::OkStatus();
}

}  // namespace varmor
