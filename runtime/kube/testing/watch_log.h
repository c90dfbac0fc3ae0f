// A watch in a thread, and what it saw, for tests.
#ifndef RUNTIME_KUBE_TESTING_WATCH_LOG_H_
#define RUNTIME_KUBE_TESTING_WATCH_LOG_H_

#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "runtime/kube/kube_client.h"
#include "runtime/kube/mutex.h"

namespace varmor {

class WatchLog {
 public:
  WatchLog(KubeClient& client, const KubeResource& resource, const KubeListOptions& options);
  // Cancels the watch.
  ~WatchLog();

  // "ADDED a", "MODIFIED a", "DELETED a" with the objects' names, in their order, without
  // bookmarks: as soon as there are `count`, or what there is after 20 s.
  std::vector<std::string> Events(size_t count);
  // The object of an event that Events told.
  Json Object(size_t index);
  // Cancels the watch and returns its status; that of its end if it had one.
  absl::Status Stop();
  // Waits for the watch to end by itself, 20 s at most.
  absl::Status End();

 private:
  Mutex mutex_;
  std::vector<std::string> texts_ ABSL_GUARDED_BY(mutex_);
  std::vector<Json> objects_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace varmor

#endif  // RUNTIME_KUBE_TESTING_WATCH_LOG_H_
