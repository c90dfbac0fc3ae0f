// Compares what two seccomp artifacts mean; see diff.h.
#ifndef LIB_COMPILER_DIFF_DIFF_SECCOMP_H_
#define LIB_COMPILER_DIFF_DIFF_SECCOMP_H_

#include "absl/status/status.h"
#include "lib/compiler/diff/change.h"
#include "proto/artifact.pb.h"

namespace varmor {

// Appends to `result`, unsorted. Null: allows everything. INVALID_ARGUMENT for what the compiler
// would not make.
absl::Status DiffSeccomp(const SeccompArtifact* before, const SeccompArtifact* after,
                         DiffResult& result);

}  // namespace varmor

#endif  // LIB_COMPILER_DIFF_DIFF_SECCOMP_H_
