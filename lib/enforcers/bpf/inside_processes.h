// Which processes are inside which subject, wherever they have moved since.
#ifndef LIB_ENFORCERS_BPF_INSIDE_PROCESSES_H_
#define LIB_ENFORCERS_BPF_INSIDE_PROCESSES_H_

#include <cstddef>
#include <cstdint>
#include <map>

#include "absl/status/statusor.h"

namespace varmor {

// By cgroup, the running processes whose record says that they are inside; no entry for none. A
// process that starts meanwhile may be left out. One whose threads differ counts by its first
// thread. `tasks` is map "tasks". FAILED_PRECONDITION in a pid namespace or with a /proc that do
// not show all processes.
absl::StatusOr<std::map<uint64_t, size_t>> CountInside(int tasks);

// The same where records are kept by address, in map "tasks_by_address"; threads are counted.
absl::StatusOr<std::map<uint64_t, size_t>> CountInsideByAddress(int tasks_by_address);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_INSIDE_PROCESSES_H_
