// What is known about a profile in force beside its maps: name, digest, rules. Kept in a map that
// is pinned with the others, so that it cannot outlive them or be of another profile.
#ifndef LIB_ENFORCERS_BPF_PROFILE_RECORD_H_
#define LIB_ENFORCERS_BPF_PROFILE_RECORD_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/enforcers/bpf/bpf_calls.h"
#include "lib/enforcers/unique_fd.h"
#include "proto/artifact.pb.h"

namespace varmor {

// The artifact without its maps and tables.
BpfArtifact RecordOf(const BpfArtifact& artifact);

// A frozen map that holds `record`.
absl::StatusOr<UniqueFd> WriteRecord(BpfCalls& calls, const BpfArtifact& record);
// FAILED_PRECONDITION when the map holds no record.
absl::StatusOr<BpfArtifact> ReadRecord(int map);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_PROFILE_RECORD_H_
