// Cgroups of version 2 by path, by process and by number.
#ifndef LIB_ENFORCERS_BPF_CGROUPS_H_
#define LIB_ENFORCERS_BPF_CGROUPS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace varmor {

// The directory where cgroup v2 is mounted for this process; NOT_FOUND when it is not, "what is
// wrong; what helps".
absl::StatusOr<std::string> FindCgroupMount(const std::string& mountinfo = "/proc/self/mountinfo");

// The number that bpf_get_current_cgroup_id gives: the directory's inode. INVALID_ARGUMENT for what
// is no directory of a cgroup v2 mount.
absl::StatusOr<uint64_t> CgroupIdOfPath(const std::string& path);

// The directory of the cgroup with this number, below the mount. NOT_FOUND when there is none any
// more; other errors do not tell whether there is. Needs CAP_DAC_READ_SEARCH, and answers for the
// whole hierarchy also in a cgroup namespace.
absl::StatusOr<std::string> CgroupPathOfId(uint64_t id, const std::string& mount);

// Path of a process's cgroup below the mount: "/" or "/kubepods/pod1/c1". `pid` 0: this process.
absl::StatusOr<std::string> CgroupOfProcess(pid_t pid);

// The numbers of the cgroup of this process and of all above it, the root last.
absl::StatusOr<std::vector<uint64_t>> OwnCgroupIds(const std::string& mount);

// Makes a cgroup (its parent has to exist), moves a process, removes an empty cgroup.
absl::Status MakeCgroup(const std::string& path);
absl::Status MoveIntoCgroup(const std::string& path, pid_t pid);
absl::Status RemoveCgroup(const std::string& path);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_CGROUPS_H_
