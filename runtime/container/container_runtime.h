// The container runtime of this machine: which containers there are, and what becomes of them.
//
//     ContainerRuntime& runtime = ...;  // containerd/containerd_runtime.h
//     runtime.Watch({[&] { for (Container& one : *runtime.List()) Adopt(one); return true; },
//                    [&](const ContainerEvent& event) { Handle(event); return true; }},
//                   [&] { return stopping.load(); });
#ifndef RUNTIME_CONTAINER_CONTAINER_RUNTIME_H_
#define RUNTIME_CONTAINER_CONTAINER_RUNTIME_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace varmor {

// Which container. Ids are unique in one of the runtime's namespaces.
struct ContainerId {
  std::string name_space;
  std::string id;

  bool operator<(const ContainerId& other) const {
    return std::tie(name_space, id) < std::tie(other.name_space, other.id);
  }
  bool operator==(const ContainerId& other) const {
    return name_space == other.name_space && id == other.id;
  }
};

struct Pod {
  std::string name;
  std::string name_space;
  std::string uid;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  // Its own ones: none for a pod in the node's network.
  std::vector<std::string> addresses;
};

struct Container {
  ContainerId id;
  // In a pod, the container's name there; else what the engine calls it (nerdctl's and Docker's
  // labels), or the id.
  std::string name;
  std::string image;
  // As the runtime shows them; in a pod those of the pod as well.
  std::map<std::string, std::string> labels;
  // "io.containerd.runc.v2".
  std::string runtime;
  // The process that holds a pod's namespaces.
  bool sandbox = false;
  // Of a pod, when `in_pod`.
  bool in_pod = false;
  Pod pod;
  // What its OCI configuration says: "" for none.
  std::string app_armor_profile;
  bool seccomp = false;
  // What its cgroup is called, without the path to it; "" when its configuration does not say.
  std::string cgroup_name;
  // Its first process; 0 while there is none.
  pid_t pid = 0;
  // Of a list: the runtime says that the container's program was executed.
  bool started = false;
  // Of a list: why only id and pid are known, and nothing else holds; "" for good.
  std::string problem;
};

struct ContainerEvent {
  enum class Kind {
    kDefined,  // there is a container, without a process yet
    kCreated,  // the first process exists and waits: nothing of the container's was executed
    kStarted,  // the container's program was executed
    kExited,   // the first process ended
    kDeleted,  // the container is gone
  };
  Kind kind = Kind::kCreated;
  ContainerId id;
  pid_t pid = 0;  // of kCreated, kStarted and kExited
  absl::Time time;
};

// "defined", "created", "started", "exited", "deleted".
absl::string_view ContainerEventName(ContainerEvent::Kind kind);

class ContainerRuntime {
 public:
  virtual ~ContainerRuntime() = default;

  // "containerd /run/containerd/containerd.sock".
  virtual std::string name() const = 0;

  // All containers, running or not. Errors of all calls: UNAVAILABLE when the runtime does not
  // answer. A container that cannot be described ends no list: Container::problem.
  virtual absl::Status List(const std::function<void(Container)>& take) = 0;

  // One of them, without its process: while a container is being created, asking for that would
  // wait. NOT_FOUND when it is gone.
  virtual absl::StatusOr<Container> Get(const ContainerId& id) = 0;

  struct Watcher {
    // Called once when events are no longer missed: what was before is in a List from now on.
    std::function<void()> on_watching;
    // In order. `false` ends the watch.
    std::function<bool(const ContainerEvent& event)> on_event;
  };
  // In this thread, until the runtime ends (UNAVAILABLE), or `cancelled`, asked about twice a
  // second, is true or on_event returns false (CANCELLED). Calls of other threads go on meanwhile.
  virtual absl::Status Watch(const Watcher& watcher, const std::function<bool()>& cancelled) = 0;
};

}  // namespace varmor

#endif  // RUNTIME_CONTAINER_CONTAINER_RUNTIME_H_
