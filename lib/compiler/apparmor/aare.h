// AppArmor's path patterns ("AARE"): *, **, ?, [class], {a,b}, escapes. What the AppArmor parser
// makes of them, byte for byte; the BPF enforcer's patterns are lib/compiler/automaton's.
#ifndef LIB_COMPILER_APPARMOR_AARE_H_
#define LIB_COMPILER_APPARMOR_AARE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace varmor {

struct AareProblem {
  // Byte of the pattern.
  size_t offset = 0;
  std::string problem;
  std::string fix;
};

// What is wrong with `pattern`, if anything. Variables ("@{PROC}") are taken as text without a
// meaning; whether they exist is not asked.
std::optional<AareProblem> CheckAare(absl::string_view pattern);

// Whether the AppArmor parser counts a pattern as exact: it has no wildcard and no class.
// Alternations are allowed. False for malformed patterns.
bool IsExactAare(absl::string_view pattern);

// Whether `path` is one of the pattern's. Malformed patterns match nothing.
//   AareMatches("/etc/*", "/etc/passwd")    true
//   AareMatches("/etc/*", "/etc/")          false: * alone in a component stands for 1 character or
//   more
bool AareMatches(absl::string_view pattern, absl::string_view path);

// One step of decoding: a byte, and whether it is meant literally.
struct AareSymbol {
  uint8_t byte = 0;
  bool literal = false;
  // Where it was in the pattern.
  size_t offset = 0;
};

// Escapes resolved, runs of slashes shortened as the AppArmor parser does.
std::vector<AareSymbol> DecodeAare(absl::string_view pattern);

// The pattern with variables replaced, one result per combination of values. Nothing when a
// variable is not one of tunables/global, or when there would be more than `limit` results.
std::optional<std::vector<std::string>> ExpandAareVariables(absl::string_view pattern,
                                                            size_t limit = 64);

// Names of the variables in `pattern`, without @{}.
std::vector<std::string> AareVariables(absl::string_view pattern);

// The pattern with every variable replaced by as many "@".
std::string MaskAareVariables(absl::string_view pattern);

// Names of variables, without @{}, to their values, which may hold variables themselves.
using AppArmorVariables = std::map<std::string, std::vector<std::string>>;

// The pattern with variables replaced the way the AppArmor parser does it: a variable with several
// values becomes an alternation, and loses the slashes that its surroundings have already.
//   "@{HOME}/.ssh"    gives    "{/home/*,/root}/.ssh"
// Nothing when a variable has no value, defines itself, or the result would be very long.
std::optional<std::string> SubstituteAareVariables(absl::string_view pattern,
                                                   const AppArmorVariables& variables);

// Those that tunables/global defines (AppArmor 3.0 as Debian ships it).
const AppArmorVariables& GlobalAppArmorVariableValues();

// Names that tunables/global defines (AppArmor 3.0 as Debian ships it), sorted.
const std::vector<std::string>& GlobalAppArmorVariables();

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_AARE_H_
