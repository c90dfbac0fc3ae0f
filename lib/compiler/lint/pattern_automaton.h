// A pattern of BPF rules as an automaton of the kind that AppArmor patterns have, so that one set
// of functions answers whether patterns overlap or cover each other.
#ifndef LIB_COMPILER_LINT_PATTERN_AUTOMATON_H_
#define LIB_COMPILER_LINT_PATTERN_AUTOMATON_H_

#include <optional>

#include "lib/compiler/apparmor/aare_automaton.h"
#include "lib/compiler/automaton/path_pattern.h"

namespace varmor {

// Matches what the pattern matches. Nothing for a pattern that would need very many edges.
std::optional<AareNfa> PatternAutomaton(const PathPattern& pattern);

}  // namespace varmor

#endif  // LIB_COMPILER_LINT_PATTERN_AUTOMATON_H_
