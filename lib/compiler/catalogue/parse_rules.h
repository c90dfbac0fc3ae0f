// Textproto files -> messages, strictly. Meaning is checked by catalogue.cc and the tests.
#ifndef LIB_COMPILER_CATALOGUE_PARSE_RULES_H_
#define LIB_COMPILER_CATALOGUE_PARSE_RULES_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/catalogue/embedded_rules.h"
#include "proto/builtin_rule.pb.h"

namespace varmor {

// The one file whose rule is not for policies to name.
inline constexpr absl::string_view kRuntimeDefaultFile = "runtime_default.textproto";

// Appends the rules of `files`, in order, to `rules`; the single rule of kRuntimeDefaultFile goes
// to `runtime_default` instead. INVALID_ARGUMENT with file, line and column for syntax errors,
// unknown fields and words, and a runtime default that is missing, repeated or not exactly one
// rule.
absl::Status ParseRuleFiles(const std::vector<EmbeddedFile>& files, BuiltinRules& rules,
                            BuiltinRule& runtime_default);

}  // namespace varmor

#endif  // LIB_COMPILER_CATALOGUE_PARSE_RULES_H_
