// Starting a program under an AppArmor profile.
#ifndef LIB_ENFORCERS_APPARMOR_CHANGE_ON_EXEC_H_
#define LIB_ENFORCERS_APPARMOR_CHANGE_ON_EXEC_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace varmor {

// The calling thread's next successful exec puts it under `profile`. To be called before a seccomp
// filter is installed that might refuse to open or write files. NOT_FOUND when no such profile is
// loaded; FAILED_PRECONDITION when the kernel has no AppArmor or refuses, with the reason.
absl::Status ChangeOnExec(absl::string_view profile, const std::string& proc = "/proc");

// What confines the calling thread: "unconfined", "varmor-default-web (enforce)".
absl::StatusOr<std::string> CurrentConfinement(const std::string& proc = "/proc");

}  // namespace varmor

#endif  // LIB_ENFORCERS_APPARMOR_CHANGE_ON_EXEC_H_
