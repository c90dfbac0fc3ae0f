// containerd, by its socket.
#ifndef RUNTIME_CONTAINER_CONTAINERD_CONTAINERD_RUNTIME_H_
#define RUNTIME_CONTAINER_CONTAINERD_CONTAINERD_RUNTIME_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "runtime/container/container_runtime.h"

namespace varmor {

struct ContainerdOptions {
  std::string socket = "/run/containerd/containerd.sock";
  // containerd's namespaces, "k8s.io", "moby", "default"; empty: all that there are.
  std::vector<std::string> namespaces;
  // Of each call but the watch.
  absl::Duration time_limit = absl::Seconds(5);
};

// Does not connect: calls do, and again after containerd was restarted. Thread-safe.
std::unique_ptr<ContainerRuntime> MakeContainerdRuntime(ContainerdOptions options);

// Fills in what an OCI configuration says: annotations about the pod, AppArmor, seccomp, the
// cgroup; and what the container's labels say about its pod, when containerd's CRI plugin has made
// it: the namespace or annotations show that. INVALID_ARGUMENT when it is no such JSON.
absl::Status ReadOciSpec(absl::string_view json, Container& container, std::string& sandbox_id);

}  // namespace varmor

#endif  // RUNTIME_CONTAINER_CONTAINERD_CONTAINERD_RUNTIME_H_
