// The seccomp enforcer's rules after resolving. Input of lower_seccomp.
#ifndef LIB_COMPILER_IR_SECCOMP_RULES_H_
#define LIB_COMPILER_IR_SECCOMP_RULES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/compiler/ir/origin.h"

namespace varmor {

struct SeccompArg {
  // 0 to 5.
  uint32_t index = 0;
  uint64_t value = 0;
  uint64_t value_two = 0;
  // "SCMP_CMP_EQ", ...
  std::string op;

  bool operator==(const SeccompArg& o) const {
    return index == o.index && value == o.value && value_two == o.value_two && op == o.op;
  }
};

// One OCI syscall entry. As runtimes read it: no argument index twice means all arguments have to
// hold; an index twice means that any one suffices.
struct SeccompRule {
  std::vector<std::string> names;
  // "SCMP_ACT_ERRNO", ...
  std::string action;
  std::optional<uint32_t> errno_ret;
  std::vector<SeccompArg> args;
  // Architectures ("SCMP_ARCH_S390X") the entry is for, and not for; both empty: all.
  std::vector<std::string> only_architectures;
  std::vector<std::string> except_architectures;
  Origin origin;
  bool builtin = false;
};

struct SeccompRules {
  enum class Base {
    kAllowAll,   // AlwaysAllow, RuntimeDefault, finished modelling: nothing but the default action
    kBlockList,  // EnhanceProtect: allow by default
    kRecord,     // running BehaviorModeling: log by default, a fixed list allowed
    kText,       // DefenseInDepth: the profile in `base_text`
  };
  Base base = Base::kAllowAll;
  // kText: JSON of an OCI seccomp profile, and the field it stands in ("" when from a model).
  std::string base_text;
  Origin base_origin;
  // kText: log instead of refusing what is not listed.
  bool log_instead_of_errno = false;
  // Built-in rules first, in the policy's order; then raw rules in order.
  std::vector<SeccompRule> rules;
};

}  // namespace varmor

#endif  // LIB_COMPILER_IR_SECCOMP_RULES_H_
