// Paths of executables that a rule group is limited to, and printing paths that are no patterns.
#ifndef LIB_COMPILER_APPARMOR_CHECK_TARGET_H_
#define LIB_COMPILER_APPARMOR_CHECK_TARGET_H_

#include <string>

#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {

// Whether `path` can be the target of a group of rules: absolute, normalised, without glob
// characters, variables and control characters, and not a directory. If not, adds one error per
// reason, code "apparmor-target".
bool CheckAppArmorTarget(absl::string_view path, absl::string_view field, Diagnostics& diagnostics);

// The AppArmor pattern that matches `path` and nothing else: glob characters, backslashes and
// control characters escaped. Not yet quoted: "/tmp/a b" stays, "/tmp/[x]" becomes "/tmp/\[x\]".
std::string EscapeAppArmorPath(absl::string_view path);

// A pattern as a rule has it: in quotes when it holds blanks or anything else that would end a
// word.
std::string PrintAppArmorPattern(absl::string_view pattern);

// Both, for a path as the kernel reports it.
std::string QuotePath(absl::string_view path);

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_CHECK_TARGET_H_
