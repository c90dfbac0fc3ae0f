// A BPF artifact for people and other tools: NAME.bpf.json.
#ifndef LIB_COMPILER_EMIT_BPF_JSON_H_
#define LIB_COMPILER_EMIT_BPF_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/artifact.pb.h"

namespace varmor {

// Indented JSON, ending in a newline: name, abi, digest, mode, rules with their origins, tables,
// holes, watches, then every map with its sizes and entries. Keys and values are hexadecimal; a
// value's trailing zero bytes are left out (`value_size` says how many bytes it has).
std::string BpfArtifactToJson(const BpfArtifact& artifact);

// Reads NAME.bpf.pb, the serialised artifact. INVALID_ARGUMENT for bytes that are none, and for
// what CheckBpfImage refuses.
absl::StatusOr<BpfArtifact> ParseBpfArtifact(absl::string_view bytes);

}  // namespace varmor

#endif  // LIB_COMPILER_EMIT_BPF_JSON_H_
