// What changes for processes when one compiled policy replaces another: by meaning, not by text.
//
// Everything is compared over all events, not over samples: automata with automata, sets of
// addresses with sets, conditions on arguments over all 64-bit values. The list is empty exactly
// when both sides mean the same, or `undecided` says what could not be compared.
#ifndef LIB_COMPILER_DIFF_DIFF_H_
#define LIB_COMPILER_DIFF_DIFF_H_

#include "absl/status/statusor.h"
#include "lib/compiler/diff/change.h"
#include "lib/compiler/simulate/decide.h"

namespace varmor {

// Compares enforcer by enforcer. Where only one side has an artifact, the other allows everything,
// and `undecided` is not used for that. INVALID_ARGUMENT for artifacts that the compiler would not
// make.
absl::StatusOr<DiffResult> Diff(const ArtifactSet& before, const ArtifactSet& after,
                                const SimulateOptions& options);

}  // namespace varmor

#endif  // LIB_COMPILER_DIFF_DIFF_H_
