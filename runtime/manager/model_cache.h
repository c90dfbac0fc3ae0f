// Recorded behaviours by profile, for the webhook, which cannot wait for the API server.
// Thread-safe.
#ifndef RUNTIME_MANAGER_MODEL_CACHE_H_
#define RUNTIME_MANAGER_MODEL_CACHE_H_

#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "proto/facts.pb.h"
#include "runtime/kube/mutex.h"
#include "runtime/protocol/json_fields.h"

namespace varmor {

// Reads an ArmorProfileModel. INVALID_ARGUMENT, with every problem, for one that cannot be read or
// whose data are elsewhere (storageType LocalDisk).
absl::StatusOr<std::shared_ptr<const BehaviorModel>> ReadModel(const Json& object);

class ModelCache {
 public:
  // The status of ReadModel; one that cannot be read is as good as none.
  absl::Status Set(const Json& object);
  void Remove(const Json& object);
  // Null when there is none.
  std::shared_ptr<const BehaviorModel> Get(const std::string& name_space,
                                           const std::string& name) const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<const BehaviorModel>> models_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_MODEL_CACHE_H_
