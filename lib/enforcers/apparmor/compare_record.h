// What the kernel holds of a profile, against what we recorded when we loaded it.
#ifndef LIB_ENFORCERS_APPARMOR_COMPARE_RECORD_H_
#define LIB_ENFORCERS_APPARMOR_COMPARE_RECORD_H_

#include <string>
#include <vector>

#include "lib/enforcers/apparmor/app_armor_record.pb.h"
#include "lib/enforcers/apparmor/app_armor_state.h"
#include "lib/enforcers/apparmor/kernel_profiles.h"

namespace varmor {

// Records the hashes of a profile and of those of its children that `children`, sorted, names.
void SetHashes(const std::vector<KernelProfile>& held, const std::vector<std::string>& children,
               AppArmorRecord& record);

// The children that were loaded with the profile.
std::vector<std::string> RecordedChildren(const AppArmorRecord& record);

// `problem` stays empty when all is as loaded.
AppArmorState::Origin CompareWithRecord(const std::vector<KernelProfile>& held,
                                        const AppArmorRecord& record, std::string& problem);

}  // namespace varmor

#endif  // LIB_ENFORCERS_APPARMOR_COMPARE_RECORD_H_
