// Copies a BPF profile into the contents of its maps.
#ifndef LIB_COMPILER_EMIT_EMIT_BPF_H_
#define LIB_COMPILER_EMIT_EMIT_BPF_H_

#include "lib/compiler/ir/bpf_profile.h"
#include "proto/artifact.pb.h"

namespace varmor {

// Maps in the order of docs/bpf_image.md; a map without entries is left out, but for "profile" and
// for "disk_devices" when a rule needs it. Entries are sorted by key bytes; arrays list the entries
// that are not all zero. Bytes are as on a little-endian machine. The pages become the artefact's
// without being copied, if `profile` is moved here.
BpfArtifact EmitBpf(BpfProfile profile);

}  // namespace varmor

#endif  // LIB_COMPILER_EMIT_EMIT_BPF_H_
