// The lints: findings about what a policy means. docs/lint.md has an entry for each.
#ifndef LIB_COMPILER_LINT_LINT_TABLE_H_
#define LIB_COMPILER_LINT_LINT_TABLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {

struct LintSpec {
  absl::string_view id;
  Diagnostic::Severity severity;
  // Lower case, no full stop.
  absl::string_view summary;
  // Found while compiling, so that `compile` reports it too.
  bool from_compile;
  // A person may say that a finding is meant so.
  bool can_be_silenced;
};

// Sorted by id.
absl::Span<const LintSpec> AllLints();

// Null when there is none.
const LintSpec* FindLint(absl::string_view id);

// Those that can be silenced, for "did you mean".
std::vector<std::string> SilenceableLints();

// Adds a finding with the severity of its lint, which must exist.
void AddFinding(absl::string_view id, absl::string_view field, absl::string_view problem,
                absl::string_view fix, Diagnostics& findings, TextPlace inside = {});

}  // namespace varmor

#endif  // LIB_COMPILER_LINT_LINT_TABLE_H_
