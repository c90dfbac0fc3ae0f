// The paths that a pattern stands for, whichever enforcer's pattern it is.
#ifndef LIB_COMPILER_LINT_PATH_SET_H_
#define LIB_COMPILER_LINT_PATH_SET_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/apparmor/aare_automaton.h"
#include "lib/compiler/automaton/path_pattern.h"

namespace varmor {

struct PathSet {
  // As written.
  std::string text;
  // Null: nothing is known about it; it then covers nothing, and nothing covers it.
  std::shared_ptr<const AareNfa> automaton;
  // What every path begins with. "" when the pattern begins with a wildcard.
  std::string prefix;
  // What every path ends with; "" when that is not easily told.
  std::string suffix;
  // One of the paths.
  std::string sample;
  // There is no other path.
  bool exact = false;
  // BPF: directories above, which a rule that denies protects from being renamed.
  std::vector<std::string> ancestors;

  bool Matches(absl::string_view path) const {
    return automaton != nullptr && absl::StartsWith(path, prefix) && absl::EndsWith(path, suffix) &&
           automaton->Matches(path);
  }
};

PathSet BpfPathSet(const PathPattern& pattern);

// "" stands for every path, as in "file,". Variables have the values of tunables/global.
PathSet AppArmorPathSet(absl::string_view pattern);

// How much work comparing may still take.
struct LintBudget {
  size_t comparisons = 50000;
  bool exhausted = false;

  // False when there is nothing left.
  bool Take();
};

// Whether all paths of `inner` are among those of `outer` together, and whether two sets share a
// path. False when that cannot be told, or would take more than the budget has left.
bool CoversPaths(const std::vector<const PathSet*>& outer, const PathSet& inner,
                 LintBudget& budget);
bool SharePaths(const PathSet& a, const PathSet& b, LintBudget& budget);

}  // namespace varmor

#endif  // LIB_COMPILER_LINT_PATH_SET_H_
