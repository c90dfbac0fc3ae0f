// The cgroup of a command, and who is in it.
#ifndef TOOLS_VARMOR_RUN_RUN_CGROUP_H_
#define TOOLS_VARMOR_RUN_RUN_CGROUP_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace varmor {

// Makes a cgroup and returns the path of its directory: `wanted`, a path below the cgroup v2 mount
// that begins with the mount's or continues it; or when that is "" one with name `name` below this
// process's. The parent has to exist. The error says why not.
absl::StatusOr<std::string> MakeRunCgroup(const std::string& wanted, const std::string& name);

// The processes in a cgroup and below it; none when it is gone. An error: there may be others.
absl::StatusOr<std::vector<pid_t>> ProcessesIn(const std::string& cgroup);

// Removes a cgroup and all below it. OK when it is gone; FAILED_PRECONDITION when it has processes,
// and then some below it may be gone.
absl::Status RemoveRunCgroup(const std::string& cgroup);

// Whether a process is in a cgroup or below it: 1 yes, 0 no, -1 it is gone.
int IsInCgroup(pid_t pid, const std::string& cgroup);

}  // namespace varmor

#endif  // TOOLS_VARMOR_RUN_RUN_CGROUP_H_
