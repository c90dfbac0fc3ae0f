// Checks that need all statements of one profile.
#ifndef LIB_COMPILER_APPARMOR_CHECK_STATEMENTS_H_
#define LIB_COMPILER_APPARMOR_CHECK_STATEMENTS_H_

#include <string>
#include <vector>

#include "lib/compiler/apparmor/statement.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {

struct AppArmorPlacedStatement {
  AppArmorStatement statement;
  // The field it comes from, for diagnostics; "" for a rule of the base.
  std::string field;
};

// Adds to `diagnostics`:
// - an error "apparmor-exec-conflict" for every two exec rules of which the AppArmor parser could
// not
//   say which one holds: they overlap, ask for different transitions, and are both patterns or both
//   exact paths. (An exact path beats a pattern.)
// - a warning "apparmor-deny-swallows-allow" for a rule all of whose permissions are denied by
// others.
// - a note "apparmor-duplicate" for a rule that stands there twice.
// Patterns with variables that tunables/global does not define are left out.
void CheckAppArmorStatements(const std::vector<AppArmorPlacedStatement>& statements,
                             Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_CHECK_STATEMENTS_H_
