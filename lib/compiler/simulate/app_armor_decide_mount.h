// Mounting, unmounting and pivot_root under an AppArmor profile.
#ifndef LIB_COMPILER_SIMULATE_APP_ARMOR_DECIDE_MOUNT_H_
#define LIB_COMPILER_SIMULATE_APP_ARMOR_DECIDE_MOUNT_H_

#include "absl/status/statusor.h"
#include "lib/compiler/simulate/app_armor_model.h"
#include "lib/compiler/simulate/verdict.h"
#include "proto/event.pb.h"

namespace varmor {

// AppArmor sees a directory's path with a slash at the end. A new mount's mount point is one, as
// are the paths of pivot_root; the others are when they are written with a slash, and may be
// otherwise: then the verdict is unknown if that matters.
//
// INVALID_ARGUMENT for flags that do not exist or that no call can have.
absl::StatusOr<Verdict> DecideAppArmorMount(const AppArmorModel& model,
                                            const AppArmorProfileModel& profile,
                                            const MountEvent& event);

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_APP_ARMOR_DECIDE_MOUNT_H_
