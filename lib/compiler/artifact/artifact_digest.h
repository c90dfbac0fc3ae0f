// Digests that identify artifacts: equal digests mean equal content.
#ifndef LIB_COMPILER_ARTIFACT_ARTIFACT_DIGEST_H_
#define LIB_COMPILER_ARTIFACT_ARTIFACT_DIGEST_H_

#include <string>

#include "absl/strings/string_view.h"
#include "proto/artifact.pb.h"

namespace varmor {

// SHA-256 of `bytes` in lower-case hexadecimal.
std::string Sha256Hex(absl::string_view bytes);

// Over what takes effect in a kernel: ABI, mode, maps with every entry, holes. Not over the name,
// so that policies with the same effect share a digest, nor over texts for people.
std::string BpfDigest(const BpfArtifact& artifact);

}  // namespace varmor

#endif  // LIB_COMPILER_ARTIFACT_ARTIFACT_DIGEST_H_
