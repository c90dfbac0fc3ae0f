// Compares what two AppArmor artifacts mean; see diff.h.
#ifndef LIB_COMPILER_DIFF_DIFF_APP_ARMOR_H_
#define LIB_COMPILER_DIFF_DIFF_APP_ARMOR_H_

#include "absl/status/status.h"
#include "lib/compiler/diff/change.h"
#include "lib/compiler/simulate/simulate_options.h"
#include "proto/artifact.pb.h"

namespace varmor {

// Appends to `result`, unsorted. Null: allows everything. INVALID_ARGUMENT for what the compiler
// would not make.
absl::Status DiffAppArmor(const AppArmorArtifact* before, const AppArmorArtifact* after, const SimulateOptions& options,
                 DiffResult& result);

}  // namespace varmor

#endif  // LIB_COMPILER_DIFF_DIFF_APP_ARMOR_H_
