#include "runtime/kube/testing/watch_log.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/kube/kube_object.h"
#include "runtime/kube/mutex.h"

namespace varmor {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

const char* Word(KubeWatchEvent::Type type) {
  switch (type) {
    case KubeWatchEvent::Type::kAdded:
      return "ADDED";
    case KubeWatchEvent::Type::kModified:
      return "MODIFIED";
    case KubeWatchEvent::Type::kDeleted:
      return "DELETED";
    case KubeWatchEvent::Type::kBookmark:
      return "BOOKMARK";
  }
  return "";
}

}  // namespace

WatchLog::WatchLog(KubeClient& client, const KubeResource& resource,
                   const KubeListOptions& options) {
  thread_ = std::thread([this, &client, resource, options] {
    const absl::Status status = client.Watch(
        resource, options,
        [this](KubeWatchEvent event) {
          if (event.type == KubeWatchEvent::Type::kBookmark) return true;
          MutexLock lock(&mutex_);
          texts_.push_back(
              absl::StrCat(Word(event.type), " ", TextAt(event.object, {"metadata", "name"})));
          objects_.push_back(std::move(event.object));
          return true;
        },
        [this] {
          MutexLock lock(&mutex_);
          return cancelled_;
        });
    MutexLock lock(&mutex_);
    status_ = status;
    ended_ = true;
  });
}

WatchLog::~WatchLog() { Stop().IgnoreError(); }

std::vector<std::string> WatchLog::Events(size_t count) {
  MutexLock lock(&mutex_);
  const auto enough = [this, count]()
                          ABSL_NO_THREAD_SAFETY_ANALYSIS { return texts_.size() >= count; };
  mutex_.AwaitWithTimeout(enough, kPatience);
  return texts_;
}

Json WatchLog::Object(size_t index) {
  MutexLock lock(&mutex_);
  return objects_.at(index);
}

absl::Status WatchLog::Stop() {
  {
    MutexLock lock(&mutex_);
    cancelled_ = true;
  }
  if (thread_.joinable()) thread_.join();
  MutexLock lock(&mutex_);
  return status_;
}

absl::Status WatchLog::End() {
  MutexLock lock(&mutex_);
  const auto ended = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return ended_; };
  if (!mutex_.AwaitWithTimeout(ended, kPatience)) {
    return absl::DeadlineExceededError("the watch did not end");
  }
  return status_;
}

}  // namespace varmor
