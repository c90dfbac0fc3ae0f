#include "lib/compiler/apparmor/statement.h"

#include "absl/strings/str_cat.h"

namespace varmor {

std::string ToString(const AppArmorStatement& statement) {
  // An include is a line, not a rule: it has no qualifiers and no comma.
  if (statement.kind == AppArmorStatement::Kind::kInclude) return statement.body;
  return absl::StrCat(statement.audit ? "audit " : "", statement.deny ? "deny " : "",
                      statement.explicit_allow ? "allow " : "", statement.owner ? "owner " : "",
                      statement.body, ",");
}

}  // namespace varmor
