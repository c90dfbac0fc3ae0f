// A profile as libseccomp sees it: the rules of one syscall on one architecture, and which of its
// answers can be relied on.
#ifndef LIB_COMPILER_SECCOMP_FILTER_RULES_H_
#define LIB_COMPILER_SECCOMP_FILTER_RULES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/ir/seccomp_profile.h"
#include "lib/compiler/seccomp/argument_condition.h"
#include "lib/compiler/seccomp/seccomp_outcome.h"

namespace varmor {

using SyscallArguments = std::array<uint64_t, 6>;

struct FilterRule {
  // In normal form (see Alternatives); cut to 32 bits where the architecture is narrow.
  ArgConjunction args;
  SeccompOutcome outcome;
  // Index in the profile's entries.
  size_t entry = 0;
  // Without conditions for libseccomp too, to which GE 0 is one.
  bool whole = false;
};

// One call number. Where it has a rule without arguments, that is its only one.
struct CallRules {
  std::vector<FilterRule> rules;
  // Compare the lower halves of arguments only.
  bool narrow = false;
  // Why libseccomp's filter may answer otherwise than the rules say; "" where it does not.
  std::string unreliable;

  // Those that hold for a call.
  std::vector<const FilterRule*> Matching(const SyscallArguments& args) const;
};

class FilterRules {
 public:
  explicit FilterRules(SeccompProfile profile);

  const SeccompProfile& profile() const { return profile_; }
  const SeccompOutcome& default_outcome() const { return default_; }

  // Why a runtime does not start a container with the profile: "runc and crun: ..."; "" when both
  // do.
  const std::string& refusal() const { return refusal_; }

  // Whether programs of the architecture get past the filter's first check. "": the native one.
  bool HasArchitecture(absl::string_view architecture) const;

  // The rules of a call with a number of its own, such as "socketcall" where it exists; empty where
  // the default action decides. Names that no architecture has stay without rules, as do entries
  // that do what the default does.
  CallRules Rules(absl::string_view architecture, const std::string& name) const;

  // Calls with rules, sorted; carriers of multiplexed calls included.
  std::vector<std::string> CallsWithRules(absl::string_view architecture) const;

  // Whether the kernel writes a record when the filter answers so.
  bool IsReported(const SeccompOutcome& outcome) const;

 private:
  // Rules without the last step: one without arguments may stand beside others.
  CallRules Listed(absl::string_view architecture, const std::string& name) const;
  std::string FindRefusal() const;

  SeccompProfile profile_;
  SeccompOutcome default_;
  std::string refusal_;
  // Entries by name, in order.
  std::map<std::string, std::vector<size_t>> by_name_;
};

// "SCMP_ARCH_X86" is "x86"; "" is "the node's architecture".
std::string ArchitectureText(absl::string_view architecture);

}  // namespace varmor

#endif  // LIB_COMPILER_SECCOMP_FILTER_RULES_H_
