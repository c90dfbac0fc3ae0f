// What the compiled form of an AppArmor profile depends on beside its text.
#ifndef LIB_ENFORCERS_APPARMOR_COMPILE_ENVIRONMENT_H_
#define LIB_ENFORCERS_APPARMOR_COMPILE_ENVIRONMENT_H_

#include <string>

#include "absl/status/statusor.h"
#include "lib/enforcers/apparmor/app_armor_parser.h"

namespace varmor {

// A digest over the parser itself (so over its version), its configuration, every file it may
// include, and the kernel's features. Texts that include files from elsewhere are not covered.
absl::StatusOr<std::string> CompileEnvironmentDigest(const AppArmorParser& parser);

}  // namespace varmor

#endif  // LIB_ENFORCERS_APPARMOR_COMPILE_ENVIRONMENT_H_
