// Attacks on what policies say beyond built-in rules: raw rules of the BPF enforcer, each with what
// it has to refuse and near misses.
#ifndef TOOLS_ATTACK_SCENARIOS_H_
#define TOOLS_ATTACK_SCENARIOS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/attack/cases.h"

namespace varmor {

// Errors as of CatalogueCases.
absl::StatusOr<std::vector<AttackCase>> ScenarioCases(const CaseOptions& options);

// A policy of raw rules, as in bpfRawRules: {RULES}, and no events.
absl::StatusOr<AttackCase> RawRulesCase(const std::string& rules);

}  // namespace varmor

#endif  // TOOLS_ATTACK_SCENARIOS_H_
