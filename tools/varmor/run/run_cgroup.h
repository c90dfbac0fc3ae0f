// The cgroup of a command, and who is in it.
#ifndef TOOLS_VARMOR_RUN_RUN_CGROUP_H_
#define TOOLS_VARMOR_RUN_RUN_CGROUP_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace varmor {

// Makes a cgroup: `wanted`, a path of the cgroup v2 mount or below it, or when that is "" one with
// name `name` below this process's. The path of its directory. FAILED_PRECONDITION says why not.
absl::StatusOr<std::string> MakeRunCgroup(const std::string& wanted, const std::string& name);

// The processes in a cgroup and below it; none when it is gone.
std::vector<pid_t> ProcessesIn(const std::string& cgroup);

// The paths of all cgroups by number.
std::map<uint64_t, std::string> CgroupPaths();

// Whether a process is in a cgroup or below it: 1 yes, 0 no, -1 it is gone.
int IsInCgroup(pid_t pid, const std::string& cgroup);

}  // namespace varmor

#endif  // TOOLS_VARMOR_RUN_RUN_CGROUP_H_
