// A clock that does not jump when somebody sets the time, and goes on while the machine sleeps.
#ifndef RUNTIME_KUBE_STEADY_CLOCK_H_
#define RUNTIME_KUBE_STEADY_CLOCK_H_

#include "absl/time/time.h"

namespace varmor {

// Only differences mean something.
absl::Time SteadyNow();

}  // namespace varmor

#endif  // RUNTIME_KUBE_STEADY_CLOCK_H_
