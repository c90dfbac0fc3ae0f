// Tries a pattern on a path place by place: slow, obvious, and the oracle of the automata's tests.
#ifndef LIB_COMPILER_AUTOMATON_NAIVE_MATCH_H_
#define LIB_COMPILER_AUTOMATON_NAIVE_MATCH_H_

#include "absl/strings/string_view.h"
#include "lib/compiler/automaton/path_pattern.h"

namespace varmor {

bool NaiveMatch(const PathPattern& pattern, absl::string_view path);

}  // namespace varmor

#endif  // LIB_COMPILER_AUTOMATON_NAIVE_MATCH_H_
