// Which enforcers a policy names.
#ifndef LIB_COMPILER_POLICY_ENFORCER_SET_H_
#define LIB_COMPILER_POLICY_ENFORCER_SET_H_

#include <string>

#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {

struct EnforcerSet {
  bool app_armor = false;
  bool bpf = false;
  bool seccomp = false;
  // Known by name; this version cannot compile for it.
  bool network_proxy = false;

  bool empty() const { return !app_armor && !bpf && !seccomp && !network_proxy; }
};

// Reads a concatenation of AppArmor, BPF, Seccomp and NetworkProxy, in any order and case. Anything
// else is an error; under lenient reading the words found inside the text count, as vArmor has it.
EnforcerSet ParseEnforcers(absl::string_view text, absl::string_view field,
                           Diagnostics& diagnostics);

// "AppArmorBPF": the words in their usual order and spelling.
std::string EnforcerSetName(const EnforcerSet& set);

}  // namespace varmor

#endif  // LIB_COMPILER_POLICY_ENFORCER_SET_H_
