// Keys of objects that need work, each at most once and in one worker at a time. Work that failed
// comes again: a few times soon, then from the slow lane, until it succeeds. Nothing is dropped.
//
//     while (const absl::optional<std::string> key = queue.Take()) {
//       queue.Done(*key, Reconcile(*key));
//     }
#ifndef RUNTIME_KUBE_WORK_QUEUE_H_
#define RUNTIME_KUBE_WORK_QUEUE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "runtime/kube/mutex.h"

namespace varmor {

struct WorkQueueOptions {
  // The first failures wait 5, 10, 20, 40, 80 ms; later ones 30, 60, ... s up to 10 minutes; or as
  // long as the server asked (KubeRetryAfter).
  absl::Duration first_wait = absl::Milliseconds(5);
  int quick_retries = 5;
  absl::Duration slow_wait = absl::Seconds(30);
  absl::Duration longest_wait = absl::Minutes(10);
  // A clock that does not jump; SteadyNow when empty. Tests with another one use TryTake.
  std::function<absl::Time()> now;
};

// For several threads.
class WorkQueue {
 public:
  explicit WorkQueue(WorkQueueOptions options = {});

  // The key needs work now, also when it waits for another try. When it is being worked on, it
  // comes again afterwards.
  void Add(absl::string_view key) { AddAfter(key, absl::ZeroDuration()); }
  // The key needs work in a while; what is due earlier stays.
  void AddAfter(absl::string_view key, absl::Duration wait);

  // Waits for a key that is due, the one that is due longest first. Done must follow. Nothing after
  // Close.
  absl::optional<std::string> Take();
  // Nothing when no key is due.
  absl::optional<std::string> TryTake();
  // What became of the work on a key that was taken.
  void Done(const std::string& key, const absl::Status& result);

  // Take returns nothing from now on.
  void Close();

  // How often the work on `key` failed in a row.
  int Failures(absl::string_view key) const;
  // Whether it failed more often than the quick retries.
  bool InSlowLane(absl::string_view key) const;
  // Keys that are due, wait, or are worked on.
  size_t size() const;

 private:
  struct Item {
    absl::Time due = absl::InfiniteFuture();  // infinite: not queued
    int64_t order = 0;
    int failures = 0;
    bool taken = false;
  };

  void Queue(const std::string& key, Item& item, absl::Time due)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::optional<std::string> TakeDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Duration WaitAfter(int failures) const;

  const WorkQueueOptions options_;
  const std::function<absl::Time()> now_;
  mutable Mutex mutex_;
  std::map<std::string, Item, std::less<>> items_ ABSL_GUARDED_BY(mutex_);
  // Of those that are queued and not taken.
  std::set<std::tuple<absl::Time, int64_t, std::string>> queue_ ABSL_GUARDED_BY(mutex_);
  int64_t orders_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;  // of queue_
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace varmor

#endif  // RUNTIME_KUBE_WORK_QUEUE_H_
