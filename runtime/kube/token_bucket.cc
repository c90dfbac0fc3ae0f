#include "runtime/kube/token_bucket.h"

#include <algorithm>

namespace varmor {

absl::Duration TokenBucket::Take(absl::Time now) {
  if (seen_ == absl::InfinitePast()) {
    free_ = burst_;
  } else {
    free_ = std::min(burst_, free_ + absl::ToDoubleSeconds(now - seen_) * per_second_);
  }
  seen_ = now;
  free_ -= 1;
  return free_ >= 0 ? absl::ZeroDuration() : absl::Seconds(-free_ / per_second_);
}

}  // namespace varmor
