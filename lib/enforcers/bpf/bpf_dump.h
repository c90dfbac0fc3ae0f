// A profile in force, read back from the kernel.
#ifndef LIB_ENFORCERS_BPF_BPF_DUMP_H_
#define LIB_ENFORCERS_BPF_BPF_DUMP_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "proto/artifact.pb.h"

namespace varmor {

// The artifact of a profile: what was known when it was applied, and its maps as they are now, in
// the order and the form of an artifact's. Without the summary of tables. `enforcer` has been
// started or has adopted. NOT_FOUND when there is no such profile.
absl::StatusOr<BpfArtifact> DumpBpfProfile(BpfEnforcer& enforcer, absl::string_view profile);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_BPF_DUMP_H_
