// Addresses of services and pods, for rules that name them: what the compiler calls ClusterFacts,
// kept up to date by watches. Thread-safe.
#ifndef RUNTIME_MANAGER_CLUSTER_ADDRESSES_H_
#define RUNTIME_MANAGER_CLUSTER_ADDRESSES_H_

#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "proto/facts.pb.h"
#include "runtime/kube/mutex.h"
#include "runtime/protocol/json_fields.h"

namespace varmor {

class ClusterAddresses {
 public:
  // News of watches, by kind: Service, EndpointSlice, Pod. True when an address, port or label
  // changed; anything else that these objects hold is of no interest.
  bool Changed(const Json& object);
  bool Gone(const Json& object);

  // Sorted, so that the same cluster gives the same bytes. A pod that ended, or is being deleted,
  // has no address any more.
  std::shared_ptr<const ClusterFacts> Facts() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, ServiceFact> services_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, EndpointSliceFact> slices_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, PodFact> pods_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_CLUSTER_ADDRESSES_H_
