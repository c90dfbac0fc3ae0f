// A limit of events per second, with a burst.
#ifndef RUNTIME_KUBE_TOKEN_BUCKET_H_
#define RUNTIME_KUBE_TOKEN_BUCKET_H_

#include "absl/time/time.h"

namespace varmor {

// Not for several threads at once.
class TokenBucket {
 public:
  // `burst` events at once, `per_second` in the long run; both more than zero.
  TokenBucket(double per_second, int burst) : per_second_(per_second), burst_(burst) {}

  // Takes the next free place. Returns how long the event must wait for it: zero while the burst
  // lasts. `now` is from a clock that does not go back.
  absl::Duration Take(absl::Time now);

 private:
  const double per_second_;
  const double burst_;
  // Places that are free; below zero, places that were given out ahead.
  double free_ = 0;
  absl::Time seen_ = absl::InfinitePast();
};

}  // namespace varmor

#endif  // RUNTIME_KUBE_TOKEN_BUCKET_H_
