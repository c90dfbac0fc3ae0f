// Namespaces of the machine, for an agent that runs in a container with the machine's processes
// (hostPID).
#ifndef RUNTIME_AGENT_HOST_NAMESPACES_H_
#define RUNTIME_AGENT_HOST_NAMESPACES_H_

#include <functional>

#include "absl/status/status.h"

namespace varmor {

// From now on this process sees cgroups with the paths that the machine gives them. Called while
// there is one thread. FAILED_PRECONDITION: paths stay relative.
absl::Status EnterHostCgroupNamespace();

// Calls `call` in a thread that is in the machine's network namespace: the kernel sends audit
// records to that one alone. What it opens stays there.
absl::Status InHostNetwork(const std::function<absl::Status()>& call);

}  // namespace varmor

#endif  // RUNTIME_AGENT_HOST_NAMESPACES_H_
