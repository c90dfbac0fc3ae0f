// A mutex with conditions, in the manner of absl::Mutex. Abseil's own is in a shared object that is
// not compiled for ThreadSanitizer, which then sees no locks; this one is made of the standard
// library's.
#ifndef RUNTIME_KUBE_MUTEX_H_
#define RUNTIME_KUBE_MUTEX_H_

#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

namespace varmor {

class ABSL_LOCKABLE Mutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    // Those who wait look again at whatever was changed.
    const bool waited_for = waiters_ > 0;
    mutex_.unlock();
    if (waited_for) changed_.notify_all();
  }

  // Waits, without the lock, until `holds()` is true; it is called with the lock.
  template <typename Predicate>
  void Await(const Predicate& holds) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    AwaitWithTimeout(holds, absl::InfiniteDuration());
  }
  // For as long as `limit` at most. Whether it holds.
  template <typename Predicate>
  bool AwaitWithTimeout(const Predicate& holds, absl::Duration limit)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    std::unique_lock<std::mutex> lock(mutex_, std::adopt_lock);
    ++waiters_;
    bool held = true;
    if (limit >= kLongest) {
      changed_.wait(lock, holds);
    } else {
      held = changed_.wait_for(lock, absl::ToChronoNanoseconds(limit), holds);
    }
    --waiters_;
    lock.release();  // the caller's again
    return held;
  }

 private:
  // What the clock of the condition can add without overflow.
  static constexpr absl::Duration kLongest = absl::Hours(24 * 365);

  std::mutex mutex_;
  std::condition_variable changed_;
  int waiters_ = 0;  // guarded by mutex_
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

}  // namespace varmor

#endif  // RUNTIME_KUBE_MUTEX_H_
