// Raw AppArmor rules, as a policy has them, to statements.
//
// The language is that of apparmor.d(5), parser 3.0, without what would reach beyond the profile
// the rules are put into: no blocks, no variable definitions, no aliases. docs/apparmor.md is the
// page for users. Whole profiles are profile_text.h's business.
#ifndef LIB_COMPILER_APPARMOR_PARSE_STATEMENTS_H_
#define LIB_COMPILER_APPARMOR_PARSE_STATEMENTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/apparmor/statement.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {

struct AppArmorParseOptions {
  // Accept the rules that came with AppArmor 4.0: userns, io_uring, mqueue, all.
  bool allow_40 = false;
  // Accept includes of `allowed_includes`.
  bool allow_include = false;
  // Names below the include directory, as between < and >. "dir/*" stands for every file in dir.
  std::vector<std::string> allowed_includes = {"abstractions/*"};
  // Whether the profile includes tunables/global, which defines @{PROC}, @{HOME} and others.
  bool tunables_global = true;
  // More variables that are defined. @{profile_name} always is.
  std::vector<std::string> variables;
};

// Parses any number of statements; every one must end with a comma (an include with its line).
// Comments and blank lines are skipped. The statements come in the order of the text.
//
// Mistakes are errors at `field`, with `inside` set to their line and column in `text`; the
// statement they are in is left out, and reading goes on behind it. A rule that the parser takes
// and that does not do what it seems to is a StrictError, and stays in the result.
std::vector<AppArmorStatement> ParseAppArmorStatements(absl::string_view text,
                                                       absl::string_view field,
                                                       const AppArmorParseOptions& options,
                                                       Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_PARSE_STATEMENTS_H_
