// The child of the self-test: in a cgroup and a mount namespace of its own, as a container is.
#ifndef LIB_ENFORCERS_BPF_CANARY_CANARY_CHILD_H_
#define LIB_ENFORCERS_BPF_CANARY_CANARY_CHILD_H_

#include <string>

#include "absl/status/statusor.h"

namespace varmor {

// Runs the probe in cgroup `cgroup`, in a file system that nobody else sees. Returns the bits of
// canary.h; FAILED_PRECONDITION when the child could not be set up, DEADLINE_EXCEEDED when it does
// not end within `timeout_ms` (it is killed).
absl::StatusOr<int> RunCanary(const std::string& cgroup, int timeout_ms = 20000);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_CANARY_CANARY_CHILD_H_
