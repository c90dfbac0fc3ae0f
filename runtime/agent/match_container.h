// Which policy a container belongs to. Pure.
//
// Alone, the targets of policies decide, read for what a container runtime shows:
//
//   target.kind         Pod; the workloads of the other kinds exist only in a cluster
//   target.name         the pod's name, or that of a container outside of Kubernetes
//   target.selector     labels: those of the container, those of its pod where the runtime shows
//                       them, and four that the agent adds, below
//   target.containers   names of containers
//   metadata.namespace  of the pod; a container outside of Kubernetes has none, and belongs to all
//
// In the cluster, annotations decide, which the manager's webhook wrote.
#ifndef RUNTIME_AGENT_MATCH_CONTAINER_H_
#define RUNTIME_AGENT_MATCH_CONTAINER_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "proto/policy.pb.h"
#include "runtime/agent/agent_policy.h"
#include "runtime/container/container_runtime.h"

namespace varmor {

// Labels that every container has for selectors: its name; its image with tag or digest, and
// without; the runtime's namespace it is in.
inline constexpr char kNameLabel[] = "container.varmor.org/name";
inline constexpr char kImageLabel[] = "container.varmor.org/image";
inline constexpr char kImageNameLabel[] = "container.varmor.org/image-name";
inline constexpr char kNamespaceLabel[] = "container.varmor.org/namespace";

// "docker.io/library/nginx" of "docker.io/library/nginx:1.25@sha256:...".
absl::string_view ImageName(absl::string_view image);

bool SelectorMatches(const LabelSelector& selector,
                     const std::map<std::string, std::string>& labels);

// "", or why a policy with this target matches no container on one machine.
std::string TargetProblem(const Target& target);

bool PolicyMatches(const AgentPolicy& policy, const Container& container);

// The policy that confines a container: cluster policies come first, then the others, each by
// namespace and name. Null for none. `shadowed` gets the sources of those that match as well.
const AgentPolicy* ChoosePolicy(const std::vector<const AgentPolicy*>& policies,
                                const Container& container, std::vector<std::string>& shadowed);

// What the annotations of a container's pod say.
struct AnnotatedProfile {
  // Of the first annotation that names one, in the order BPF, AppArmor of Kubernetes, AppArmor,
  // seccomp; "" for none.
  std::string profile;
  // The BPF annotation names it.
  bool bpf = false;
  // Annotations that say something else than "localhost/NAME", "unconfined" or "runtime/default".
  std::vector<std::string> problems;
};
AnnotatedProfile ReadAnnotations(const Container& container);

}  // namespace varmor

#endif  // RUNTIME_AGENT_MATCH_CONTAINER_H_
