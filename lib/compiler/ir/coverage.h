// What became of one rule of a policy: part of the report that users read.
#ifndef LIB_COMPILER_IR_COVERAGE_H_
#define LIB_COMPILER_IR_COVERAGE_H_

#include <string>

namespace varmor {

// Whether one rule of the policy took effect under one enforcer; the report lists these.
struct Coverage {
  // Built-in rule id, or "raw".
  std::string rule;
  std::string field;
  // "AppArmor", "BPF", "Seccomp".
  std::string enforcer;
  // "enforced", "observed" (allowed and logged), "no effect", "not enforceable".
  std::string state;
  // Why, when not enforced: the catalogue's reason.
  std::string reason;
};

}  // namespace varmor

#endif  // LIB_COMPILER_IR_COVERAGE_H_
