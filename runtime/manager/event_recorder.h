// Events about policies, for `kubectl describe`. Thread-safe.
#ifndef RUNTIME_MANAGER_EVENT_RECORDER_H_
#define RUNTIME_MANAGER_EVENT_RECORDER_H_

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "runtime/kube/kube_client.h"
#include "runtime/kube/mutex.h"
#include "runtime/log/logger.h"

namespace varmor {

class EventRecorder {
 public:
  // `client` and `logger` must outlive the recorder.
  EventRecorder(KubeClient& client, Logger& logger, std::function<absl::Time()> clock)
      : client_(client), logger_(logger), clock_(std::move(clock)) {}

  // `key` is how the policy is called in the log; `type` is "Normal" or "Warning". The log gets
  // every one; the API server at most one a minute for a policy and a reason. One that cannot be
  // written is logged, and nothing waits for it.
  void Record(const std::string& key, const Json& policy, const std::string& type,
              const std::string& reason, const std::string& message);
  // The policy is gone.
  void Forget(const std::string& key);

 private:
  KubeClient& client_;
  Logger& logger_;
  const std::function<absl::Time()> clock_;
  Mutex mutex_;
  // Key and reason to when it was last written.
  std::map<std::pair<std::string, std::string>, absl::Time> recorded_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_EVENT_RECORDER_H_
