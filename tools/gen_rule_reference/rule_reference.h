// The page docs/rules.md, made from the catalogue.
#ifndef TOOLS_GEN_RULE_REFERENCE_RULE_REFERENCE_H_
#define TOOLS_GEN_RULE_REFERENCE_RULE_REFERENCE_H_

#include <string>

#include "lib/compiler/catalogue/catalogue.h"

namespace varmor {

// Markdown: a table of contents by category and group, then every rule, then the runtime default.
std::string RuleReference(const Catalogue& catalogue);

}  // namespace varmor

#endif  // TOOLS_GEN_RULE_REFERENCE_RULE_REFERENCE_H_
