// Runs calls that wait for the kernel at the same time.
#ifndef LIB_ENFORCERS_BPF_PARALLEL_H_
#define LIB_ENFORCERS_BPF_PARALLEL_H_

#include <functional>
#include <vector>

#include "absl/status/status.h"

namespace varmor {

// Runs all of them, in a few threads; results are parallel to `calls`.
std::vector<absl::Status> RunParallel(const std::vector<std::function<absl::Status()>>& calls);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_PARALLEL_H_
