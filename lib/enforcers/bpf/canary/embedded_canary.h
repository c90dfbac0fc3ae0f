// Policy and program of the self-test, part of this binary.
#ifndef LIB_ENFORCERS_BPF_CANARY_EMBEDDED_CANARY_H_
#define LIB_ENFORCERS_BPF_CANARY_EMBEDDED_CANARY_H_

#include "absl/strings/string_view.h"

namespace varmor {

// A serialized BpfArtifact: canary.yaml.
absl::string_view CanaryArtifact();
// An executable: canary_probe.c.
absl::string_view CanaryProbe();

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_CANARY_EMBEDDED_CANARY_H_
