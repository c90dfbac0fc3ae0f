#include "runtime/kube/steady_clock.h"

#include <time.h>

namespace varmor {

absl::Time SteadyNow() {
  timespec now = {};
  // Cannot fail: the clock is in every kernel since 2.6.39.
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::TimeFromTimespec(now);
}

}  // namespace varmor
