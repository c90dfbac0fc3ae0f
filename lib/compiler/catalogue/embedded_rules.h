// The text of rules/*.textproto, compiled in by embed_rules.cc (see BUILD).
#ifndef LIB_COMPILER_CATALOGUE_EMBEDDED_RULES_H_
#define LIB_COMPILER_CATALOGUE_EMBEDDED_RULES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace varmor {

struct EmbeddedFile {
  // Base name, such as "capabilities.textproto".
  absl::string_view name;
  std::string text;
};

// In the order of the BUILD file.
std::vector<EmbeddedFile> EmbeddedRuleFiles();

}  // namespace varmor

#endif  // LIB_COMPILER_CATALOGUE_EMBEDDED_RULES_H_
