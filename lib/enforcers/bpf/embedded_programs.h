// The compiled BPF programs, part of this binary.
#ifndef LIB_ENFORCERS_BPF_EMBEDDED_PROGRAMS_H_
#define LIB_ENFORCERS_BPF_EMBEDDED_PROGRAMS_H_

#include "absl/strings/string_view.h"

namespace varmor {

// For Linux 5.10 and later.
absl::string_view BoundedLoopPrograms();
// For Linux 5.17 and later.
absl::string_view BpfLoopPrograms();

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_EMBEDDED_PROGRAMS_H_
