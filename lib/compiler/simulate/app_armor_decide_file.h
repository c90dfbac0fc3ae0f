// Events about files and executables under an AppArmor profile.
#ifndef LIB_COMPILER_SIMULATE_APP_ARMOR_DECIDE_FILE_H_
#define LIB_COMPILER_SIMULATE_APP_ARMOR_DECIDE_FILE_H_

#include "absl/status/statusor.h"
#include "lib/compiler/simulate/app_armor_model.h"
#include "lib/compiler/simulate/verdict.h"
#include "proto/event.pb.h"

namespace varmor {

// INVALID_ARGUMENT for a path that is not absolute, or an access without a name.
absl::StatusOr<Verdict> DecideAppArmorFile(const AppArmorModel& model,
                                           const AppArmorProfileModel& profile,
                                           const FileEvent& event);

absl::StatusOr<Verdict> DecideAppArmorExec(const AppArmorModel& model,
                                           const AppArmorProfileModel& profile,
                                           const ExecEvent& event);

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_APP_ARMOR_DECIDE_FILE_H_
