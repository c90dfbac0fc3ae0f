// A process in a cgroup and a mount namespace of its own, as in a container; for tests.
#ifndef LIB_ENFORCERS_BPF_TESTING_CONFINED_CHILD_H_
#define LIB_ENFORCERS_BPF_TESTING_CONFINED_CHILD_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace varmor {

// Starts `arguments` (the first is a path, or a name in PATH) in the cgroup, which has to exist.
pid_t StartInCgroup(const std::string& cgroup, const std::vector<std::string>& arguments);

// Exit status; -1 for a process that a signal ended.
int WaitForExit(pid_t child);

// Both. The usual way to try something: RunInCgroup(cgroup, {"cat", "/etc/shadow"}).
int RunInCgroup(const std::string& cgroup, const std::vector<std::string>& arguments);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_TESTING_CONFINED_CHILD_H_
