// Fills the holes of a BPF artifact with what one node knows.
#ifndef LIB_COMPILER_BIND_BIND_BPF_H_
#define LIB_COMPILER_BIND_BIND_BPF_H_

#include "absl/status/statusor.h"
#include "proto/artifact.pb.h"
#include "proto/facts.pb.h"

namespace varmor {

// Fills "disk_devices" when the artifact has that hole, and computes the digest anew; returns other
// artifacts as they are. Addresses of a cluster are no node's business: that hole stays.
// RESOURCE_EXHAUSTED when the node has more disks than the map has room for, INVALID_ARGUMENT when
// there is no such map.
absl::StatusOr<BpfArtifact> BindBpf(const BpfArtifact& artifact, const NodeFacts& facts);

}  // namespace varmor

#endif  // LIB_COMPILER_BIND_BIND_BPF_H_
