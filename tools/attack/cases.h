// The attack matrix as data: every built-in rule for every enforcer that its record claims, with a
// compiled policy and what the record's examples have to come to. A new record is a new case.
#ifndef TOOLS_ATTACK_CASES_H_
#define TOOLS_ATTACK_CASES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/simulate/simulate_options.h"
#include "lib/compiler/simulate/verdict.h"
#include "proto/event.pb.h"
#include "proto/facts.pb.h"

namespace varmor {

struct AttackEvent {
  Event event;
  // The record says so, and the simulator agrees.
  bool denied = false;
  // What the enforcer's artifact says: under observation, that nothing is denied.
  Verdict verdict;
};

struct LeftOutEvent {
  Event event;
  std::string reason;
};

struct AttackCase {
  // Id of the rule, or of the scenario.
  std::string rule;
  // As reports name the rule: raw rules are "raw", and the default of an allow-list is "none".
  std::string reported_as;
  // "AppArmor", "BPF", "Seccomp".
  std::string enforcer;
  // What a person would write.
  std::string policy;
  // Bound to the node of the options; its artifacts are those of `enforcer` alone.
  std::shared_ptr<const CompileResult> compiled;
  std::vector<AttackEvent> events;
  std::vector<LeftOutEvent> left_out;
  // Where the container has a tmpfs, one upon the other when a path is named twice.
  std::vector<std::string> mounts;
  // As of ContainerOptions.
  std::vector<std::string> lower_files;
  // Ways of the attacker's that only this case is about.
  std::vector<std::string> more_ways;
  // Processes move to other cgroups, which are mounted.
  bool moves = false;
  // Of the pod that the container belongs to.
  std::vector<std::string> addresses;
};

struct CaseOptions {
  // The policy allows and reports what it would deny.
  bool observe = false;
  NodeFacts node;
  // Texts that AppArmor profiles include, for the simulator.
  const AppArmorIncludes* includes = nullptr;
};

// A case before it is compiled.
struct CaseDraft {
  std::string rule;
  std::string reported_as;
  std::string enforcer;
  std::string policy;
  std::vector<Event> denied;
  std::vector<Event> allowed;
};

// INTERNAL when the policy does not compile or the simulator contradicts an event.
absl::StatusOr<AttackCase> MakeCase(const CaseDraft& draft, const CaseOptions& options);

// In the order of the catalogue, and of the enforcers above. INTERNAL as MakeCase.
absl::StatusOr<std::vector<AttackCase>> CatalogueCases(const CaseOptions& options);

// A name for SelectCases that no case has: those of machine.h have no policy.
constexpr char kMachineCase[] = "the machine's own processes";

// Of `cases` those whose rule and enforcer are named; no rules at all mean every rule.
// INVALID_ARGUMENT, with the names that there are, for a name that does not exist and when a run
// of them would attack nothing.
absl::StatusOr<std::vector<AttackCase>> SelectCases(const std::vector<std::string>& rules,
                                                    const std::vector<std::string>& enforcers,
                                                    std::vector<AttackCase> cases);

}  // namespace varmor

#endif  // TOOLS_ATTACK_CASES_H_
