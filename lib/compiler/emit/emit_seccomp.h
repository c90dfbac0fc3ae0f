// SeccompProfile -> the JSON text of an OCI runtime specification's linux.seccomp.
#ifndef LIB_COMPILER_EMIT_EMIT_SECCOMP_H_
#define LIB_COMPILER_EMIT_EMIT_SECCOMP_H_

#include <string>

#include "absl/strings/string_view.h"
#include "lib/compiler/ir/seccomp_profile.h"
#include "proto/artifact.pb.h"

namespace varmor {

// Indented by two, ends in a newline; parse_oci_seccomp reads it back to the same profile.
std::string SeccompJson(const SeccompProfile& profile);

// `name` is the profile's name. The artifact's rules are parallel to the JSON's syscalls.
SeccompArtifact EmitSeccomp(absl::string_view name, const SeccompProfile& profile);

}  // namespace varmor

#endif  // LIB_COMPILER_EMIT_EMIT_SECCOMP_H_
