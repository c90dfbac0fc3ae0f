#include "runtime/kube/work_queue.h"

#include <algorithm>
#include <utility>

#include "runtime/kube/kube_client.h"
#include "runtime/kube/mutex.h"
#include "runtime/kube/steady_clock.h"

namespace varmor {

WorkQueue::WorkQueue(WorkQueueOptions options)
    : options_(std::move(options)), now_(options_.now ? options_.now : SteadyNow) {}

void WorkQueue::AddAfter(absl::string_view key, absl::Duration wait) {
  MutexLock lock(&mutex_);
  const std::string name(key);
  Queue(name, items_[name], now_() + wait);
}

absl::optional<std::string> WorkQueue::Take() {
  MutexLock lock(&mutex_);
  while (!closed_) {
    absl::optional<std::string> key = TakeDue();
    if (key.has_value()) return key;
    const absl::Duration wait =
        queue_.empty() ? absl::InfiniteDuration() : std::get<0>(*queue_.begin()) - now_();
    const auto changed = [this, seen = changes_]()
                             ABSL_NO_THREAD_SAFETY_ANALYSIS { return closed_ || changes_ != seen; };
    mutex_.AwaitWithTimeout(changed, wait);
  }
  return absl::nullopt;
}

absl::optional<std::string> WorkQueue::TryTake() {
  MutexLock lock(&mutex_);
  return closed_ ? absl::nullopt : TakeDue();
}

void WorkQueue::Done(const std::string& key, const absl::Status& result) {
  MutexLock lock(&mutex_);
  const auto found = items_.find(key);
  if (found == items_.end() || !found->second.taken) return;
  Item& item = found->second;
  item.taken = false;
  const absl::Time again = std::exchange(item.due, absl::InfiniteFuture());
  if (result.ok()) {
    item.failures = 0;
    if (again == absl::InfiniteFuture()) {
      items_.erase(found);
    } else {
      Queue(key, item, again);
    }
    return;
  }
  ++item.failures;
  const absl::Duration wait = std::max(WaitAfter(item.failures), KubeRetryAfter(result));
  Queue(key, item, std::min(again, now_() + wait));
}

void WorkQueue::Close() {
  MutexLock lock(&mutex_);
  closed_ = true;
}

int WorkQueue::Failures(absl::string_view key) const {
  MutexLock lock(&mutex_);
  const auto found = items_.find(key);
  return found == items_.end() ? 0 : found->second.failures;
}

bool WorkQueue::InSlowLane(absl::string_view key) const {
  return Failures(key) > options_.quick_retries;
}

size_t WorkQueue::size() const {
  MutexLock lock(&mutex_);
  return items_.size();
}

void WorkQueue::Queue(const std::string& key, Item& item, absl::Time due) {
  if (due >= item.due) return;
  if (!item.taken) {
    queue_.erase({item.due, item.order, key});
    item.order = ++orders_;
    queue_.insert({due, item.order, key});
    ++changes_;
  }
  item.due = due;
}

absl::optional<std::string> WorkQueue::TakeDue() {
  if (queue_.empty() || std::get<0>(*queue_.begin()) > now_()) return absl::nullopt;
  const std::string key = std::get<2>(*queue_.begin());
  queue_.erase(queue_.begin());
  ++changes_;
  Item& item = items_.find(key)->second;
  item.due = absl::InfiniteFuture();
  item.taken = true;
  return key;
}

absl::Duration WorkQueue::WaitAfter(int failures) const {
  constexpr int kDoublings = 20;
  if (failures <= options_.quick_retries) {
    return options_.first_wait * (1 << std::min(failures - 1, kDoublings));
  }
  const int slow = std::min(failures - options_.quick_retries - 1, kDoublings);
  return std::min(options_.longest_wait, options_.slow_wait * (1 << slow));
}

}  // namespace varmor
