// Where agents run and where they should, as the API server tells: their pods, the status of their
// DaemonSet, and which nodes there are. Thread-safe.
#ifndef RUNTIME_MANAGER_AGENT_FLEET_H_
#define RUNTIME_MANAGER_AGENT_FLEET_H_

#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "runtime/kube/mutex.h"
#include "runtime/manager/status.h"
#include "runtime/protocol/json_fields.h"

namespace varmor {

class AgentFleet {
 public:
  // News of watches; `object` as it was last where it is gone. Whether they change anything.
  bool PodChanged(const Json& object);
  // `left` is the node that has no pod of an agent any more, "" when there is none.
  bool PodGone(const Json& object, std::string& left);
  // null: there is none.
  bool DaemonSetChanged(const Json& object);
  // Of a node only the metadata matter.
  bool NodeChanged(const Json& object);
  bool NodeGone(const Json& object);

  // Nodes that are gone count nowhere, whatever their pods and the DaemonSet's status still say.
  std::shared_ptr<const AgentNodes> Nodes() const;
  // The node that a pod of an agent is bound to, "" when it is not, or there is no such pod.
  std::string NodeOfPod(const std::string& pod) const;
  // About how many nodes there are.
  int size() const;

 private:
  struct Pod {
    std::string bound;   // to this node, "": not yet
    std::string target;  // the node that it is for
    bool running = false;

    bool operator==(const Pod& other) const {
      return bound == other.bound && target == other.target && running == other.running;
    }
  };

  AgentNodes Count() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, Pod> pods_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> nodes_ ABSL_GUARDED_BY(mutex_);
  // Of the DaemonSet: desiredNumberScheduled, currentNumberScheduled and numberMisscheduled.
  int desired_ ABSL_GUARDED_BY(mutex_) = 0;
  int scheduled_ ABSL_GUARDED_BY(mutex_) = 0;
  // Null: to be counted again.
  mutable std::shared_ptr<const AgentNodes> counted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_AGENT_FLEET_H_
