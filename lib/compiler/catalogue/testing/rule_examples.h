// Policies with one built-in rule, and whom a record's examples are for: what the tests of all
// enforcers ask about the catalogue.
#ifndef LIB_COMPILER_CATALOGUE_TESTING_RULE_EXAMPLES_H_
#define LIB_COMPILER_CATALOGUE_TESTING_RULE_EXAMPLES_H_

#include <string>

#include "absl/strings/string_view.h"
#include "proto/builtin_rule.pb.h"
#include "proto/event.pb.h"

namespace varmor {

// `name`, the rule's id or an alias, in the list of its category: "hardeningRules: [NAME]".
std::string RuleList(const BuiltinRule& rule, absl::string_view name);

// The policy demo of namespace shop for `enforcer`; `more` are lines of spec.policy.
std::string PolicyOfEnforcer(absl::string_view enforcer, absl::string_view more);

// Lines of spec.policy: mode EnhanceProtect with the rule alone; `switches` are lines of
// enhanceProtect.
std::string EnhanceProtectWith(const BuiltinRule& rule, absl::string_view switches);

// Whether the record means the example for "apparmor", "bpf" or "seccomp": those that name none
// are for all.
bool IsExampleFor(const Event& event, absl::string_view enforcer);

}  // namespace varmor

#endif  // LIB_COMPILER_CATALOGUE_TESTING_RULE_EXAMPLES_H_
