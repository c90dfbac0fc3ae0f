// Files that tell what policies do not: the node, the cluster, recorded behaviour. Each form is
// recognised by its content.
#ifndef TOOLS_VARMOR_FACTS_FILES_H_
#define TOOLS_VARMOR_FACTS_FILES_H_

#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/load/load_policy.h"
#include "proto/facts.pb.h"

namespace varmor {

// NodeFacts as YAML or JSON, or what /proc/partitions shows. False when `diagnostics` got an error;
// so do the others.
bool ReadNodeFacts(const PolicySource& source, NodeFacts& facts, Diagnostics& diagnostics);

// ClusterFacts as YAML or JSON, or a list of Kubernetes objects, as printed by
// `kubectl get services,endpointslices,pods -A -o json`.
bool ReadClusterFacts(const PolicySource& source, ClusterFacts& facts, Diagnostics& diagnostics);

// An ArmorProfileModel object.
bool ReadModel(const PolicySource& source, BehaviorModel& model, Diagnostics& diagnostics);

}  // namespace varmor

#endif  // TOOLS_VARMOR_FACTS_FILES_H_
