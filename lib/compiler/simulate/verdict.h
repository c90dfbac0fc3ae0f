// The answer to "what would this artifact do with this event?", the same for every enforcer.
#ifndef LIB_COMPILER_SIMULATE_VERDICT_H_
#define LIB_COMPILER_SIMULATE_VERDICT_H_

#include <string>
#include <vector>

#include "proto/artifact.pb.h"

namespace varmor {

// A rule that had a say, copied from the artifact's list of rules.
struct ResponsibleRule {
  // Index in the artifact's `rules`; -1 for what the profile's frame says (`origin` is then empty
  // but for `text`).
  int index = -1;
  RuleOrigin origin;
};

// What one enforcer says.
struct Verdict {
  enum class Outcome {
    kAllow,
    kDeny,
    // It depends on something that cannot be known here; `reason` says on what.
    kUnknown,
    // This enforcer never sees such an event, whatever its rules are.
    kNotMediated,
  };
  Outcome outcome = Outcome::kAllow;
  // A violation event is written.
  bool reported = false;
  // The profile observes only: enforcing it would deny. `outcome` is kAllow.
  bool would_deny = false;
  // How it shows to the process: "EACCES", "EPERM", "ENOSYS", "killed"; or what comes with a
  // permission: "runs under varmor-demo-web//child_0". Often "".
  std::string effect;
  // Why, one sentence without a full stop: "no rule is about it, and the profile allows by
  // default". Always set for kUnknown and kNotMediated and where `rules` is empty.
  std::string reason;
  // Those that deny; if none does, those that make it a report; else those that allow. In the
  // artifact's order, each once. Empty when the default decides.
  std::vector<ResponsibleRule> rules;
};

// "deny", "audit deny", "audit" (goes through and is reported), "allow", "unknown", "not mediated".
std::string VerdictWord(const Verdict& verdict);

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_VERDICT_H_
