// Whether a BPF artifact is one that loaders, programs and the simulator can read without asking
// again.
#ifndef LIB_COMPILER_ARTIFACT_CHECK_BPF_IMAGE_H_
#define LIB_COMPILER_ARTIFACT_CHECK_BPF_IMAGE_H_

#include "absl/status/status.h"
#include "proto/artifact.pb.h"

namespace varmor {

// INVALID_ARGUMENT, with the map's name, for another ABI; maps that are unknown, missing, there
// twice, or of other sizes; entries that are unsorted, out of range, or have padding or host bits;
// a header that disagrees with the maps or the artifact; a wrong digest. Contents of path tables
// are not walked: their matcher bounds every step, and accept ids are to be checked where they are
// used.
absl::Status CheckBpfImage(const BpfArtifact& artifact);

}  // namespace varmor

#endif  // LIB_COMPILER_ARTIFACT_CHECK_BPF_IMAGE_H_
