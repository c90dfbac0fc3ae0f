// What a policy's rules say, cut into claims: "BPF denies writing to /etc/**". Each is one decision
// about one set of events, so that rules of all enforcers can be compared in the same way.
#ifndef LIB_COMPILER_LINT_CLAIM_H_
#define LIB_COMPILER_LINT_CLAIM_H_

#include <cstdint>
#include <deque>
#include <string>
#include <variant>
#include <vector>

#include "lib/compiler/compile.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/rule_set.h"
#include "lib/compiler/lint/path_set.h"
#include "lib/compiler/seccomp/argument_condition.h"
#include "lib/compiler/seccomp/seccomp_outcome.h"

namespace varmor {

// Letters: r, w, a, l, k, m, x.
struct PathClaim {
  PathSet paths;
  char access = 0;
  // AppArmor: only files of the process's own user.
  bool owner = false;
  // AppArmor, x of rules that allow: how the program goes on, "ix", "Px -> name".
  std::string transition;
};

// A rule of AppArmor that is not about files.
struct StatementClaim {
  const AppArmorStatement* statement = nullptr;
};

struct MountClaim {
  const BpfMount* rule = nullptr;
  PathSet source;
};

struct DiskClaim {
  bool mount = false;
  // Letters, or BpfAccess bits.
  std::string letters;
  uint32_t bits = 0;
};

struct SyscallClaim {
  std::string name;
  SeccompOutcome outcome;
  // Any of these has to hold.
  std::vector<ArgConjunction> conditions;
  // "SCMP_ARCH_X86,!SCMP_ARCH_S390X"; "": on all.
  std::string architectures;
};

struct Claim {
  enum class Enforcer { kAppArmor, kBpf, kSeccomp };
  enum class Effect { kDeny, kAllow, kObserve };

  Enforcer enforcer = Enforcer::kAppArmor;
  Effect effect = Effect::kDeny;
  bool audit = false;
  // Of the rule that says it.
  Origin origin;
  bool builtin = false;
  // Not a rule of the policy: the runtime's default, a custom profile, a model.
  bool base = false;
  // AppArmor: the executable the claim is limited to; "": every process.
  std::string target;
  // The statement, where the field holds several; "" elsewhere.
  std::string text;
  TextPlace place;
  std::variant<PathClaim, StatementClaim, MountClaim, DiskClaim, SyscallClaim, const BpfSocket*,
               const BpfEgress*, const BpfPtrace*, const BpfCapability*, const BpfOperation*>
      what;
};

// Claims and what they point to, apart from the RuleSet itself.
struct Claims {
  std::vector<Claim> list;
  std::deque<AppArmorStatement> statements;
};

// Every claim of a compiled policy (with rules), enforcer by enforcer in the order of the rules.
Claims ClaimsOf(const CompileResult& result);

// Whether every event of `inner` is one of `outer`; effects are not asked. False when that cannot
// be decided, or would take more than the budget has left.
bool CoversEvents(const Claim& outer, const Claim& inner, LintBudget& budget);

// Whether `inner` changes nothing beside `outer`: covered events, and the same decision.
bool MakesSuperfluous(const Claim& outer, const Claim& inner, LintBudget& budget);

}  // namespace varmor

#endif  // LIB_COMPILER_LINT_CLAIM_H_
