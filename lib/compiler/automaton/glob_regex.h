// The regular expression that means the same as a pattern, for documentation and tests.
#ifndef LIB_COMPILER_AUTOMATON_GLOB_REGEX_H_
#define LIB_COMPILER_AUTOMATON_GLOB_REGEX_H_

#include <string>

#include "lib/compiler/automaton/path_pattern.h"

namespace varmor {

// In RE2's syntax, over bytes (Latin-1), to be matched in full. The default pattern gives a regular
// expression that matches nothing.
std::string ToRegex(const PathPattern& pattern);

}  // namespace varmor

#endif  // LIB_COMPILER_AUTOMATON_GLOB_REGEX_H_
