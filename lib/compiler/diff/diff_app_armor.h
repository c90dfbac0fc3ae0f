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
//
// Paths, labels and names are compared over all texts: the patterns of both sides run side by side,
// and where they can lead to different rules both sides are asked (AppArmorSimulator::Decide). The
// example is the shortest text; of equally short ones, letters come before other characters.
// Another transition of an exec that is allowed before and after is kAuditOnly: its effect differs.
//
// A profile of another name is compared as if it had the first one's. Children are compared by
// their names; one that only one side has is `undecided`, and so are rules about dbus, unix
// sockets' addresses, limits and change_profile whose texts differ.
absl::Status DiffAppArmor(const AppArmorArtifact* before, const AppArmorArtifact* after,
                          const SimulateOptions& options, DiffResult& result);

}  // namespace varmor

#endif  // LIB_COMPILER_DIFF_DIFF_APP_ARMOR_H_
