// One profile in the kernel, replaced and looked at afterwards.
#ifndef LIB_ENFORCERS_APPARMOR_REPLACE_PROFILE_H_
#define LIB_ENFORCERS_APPARMOR_REPLACE_PROFILE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/enforcers/apparmor/app_armor_host.h"
#include "lib/enforcers/apparmor/kernel_profiles.h"

namespace varmor {

// What the kernel shall hold after a profile was loaded.
struct ExpectedProfile {
  std::string name;
  // "enforce", "complain", ...
  std::string mode;
  // Full names, sorted.
  std::vector<std::string> children;
};

// "" when the kernel holds what is expected; children that are there from a former profile do not
// matter. Otherwise what is wrong: "the kernel holds it in mode complain, not enforce".
std::string Mismatch(const std::vector<KernelProfile>& held, const ExpectedProfile& expected);

// Names among `held` of children that `expected` does not have.
std::vector<std::string> StaleChildren(const std::vector<KernelProfile>& held,
                                       const std::vector<std::string>& children);

// A profile as it was before, to be put back.
struct FormerProfile {
  std::string name;
  // Nothing was loaded under this name.
  bool absent = false;
  // Compiled; nothing when nobody keeps it.
  std::optional<std::string> policy;
};

// `stored` is what we would load again when the kernel does not keep it.
absl::StatusOr<FormerProfile> ReadFormerProfile(AppArmorHost& host, const std::string& name,
                                                std::optional<std::string> stored);

// Puts `former` back after `problem`, and returns that with what came of it. Children that only the
// new profile has stay: somebody may have got into them.
absl::Status PutBack(AppArmorHost& host, const FormerProfile& former, const absl::Status& problem);

// Loads a policy and verifies what the kernel holds then: that is returned. After an error the
// former profile is in force; where it cannot be, the message says so.
absl::StatusOr<std::vector<KernelProfile>> ReplaceProfile(AppArmorHost& host,
                                                          absl::string_view policy,
                                                          const ExpectedProfile& expected,
                                                          const FormerProfile& former);

}  // namespace varmor

#endif  // LIB_ENFORCERS_APPARMOR_REPLACE_PROFILE_H_
