// Who runs under an AppArmor profile.
#ifndef LIB_ENFORCERS_APPARMOR_CONFINED_PROCESSES_H_
#define LIB_ENFORCERS_APPARMOR_CONFINED_PROCESSES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace varmor {

struct ConfinedProcess {
  int pid = 0;
  // Of the executable: "sleep".
  std::string command;
  // The profile it runs under, or will after its next exec: "varmor-default-web//child_0".
  std::string profile;
};

// All processes with a thread that is under one of our profiles (stacked ones included) or will be
// after its exec. `proc` has to show all processes of the machine; a process that ends meanwhile,
// or whose labels the caller may not read, is left out.
absl::StatusOr<std::vector<ConfinedProcess>> FindConfinedProcesses(const std::string& proc);

// The profiles in what the kernel says of a process: of "a (enforce)" {"a"}, of
// "a//&b//c (complain)" {"a", "b//c"}, of "unconfined" nothing.
std::vector<std::string> ProfilesOfLabel(absl::string_view label);

// Whether `profile` is `name` or a child of it.
bool IsUnder(absl::string_view profile, absl::string_view name);

}  // namespace varmor

#endif  // LIB_ENFORCERS_APPARMOR_CONFINED_PROCESSES_H_
