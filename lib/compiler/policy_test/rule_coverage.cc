#include "lib/compiler/policy_test/rule_coverage.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

template <typename Rules>
void AddRules(const char* enforcer, const Rules& origins, std::vector<CoveredRule>& rules) {
  for (const RuleOrigin& origin : origins) {
    if (origin.field().empty()) continue;
    const bool known = std::any_of(rules.begin(), rules.end(), [&](const CoveredRule& rule) {
      return rule.enforcer == enforcer && rule.rule == origin.rule() &&
             rule.field == origin.field();
    });
    if (!known) rules.push_back({enforcer, origin.rule(), origin.field(), false});
  }
}

}  // namespace

RuleCoverage::RuleCoverage(const ArtifactSet& artifacts) {
  if (artifacts.app_armor != nullptr) AddRules("AppArmor", artifacts.app_armor->rules(), rules_);
  if (artifacts.bpf != nullptr) AddRules("BPF", artifacts.bpf->rules(), rules_);
  if (artifacts.seccomp != nullptr) AddRules("Seccomp", artifacts.seccomp->rules(), rules_);
}

void RuleCoverage::Add(const CombinedVerdict& verdict) {
  for (const EnforcerVerdict& one : verdict.enforcers) {
    for (const ResponsibleRule& responsible : one.verdict.rules) {
      for (CoveredRule& rule : rules_) {
        if (rule.enforcer == one.enforcer && rule.rule == responsible.origin.rule() &&
            rule.field == responsible.origin.field()) {
          rule.covered = true;
        }
      }
    }
  }
}

size_t RuleCoverage::covered() const {
  return static_cast<size_t>(std::count_if(rules_.begin(), rules_.end(),
                                           [](const CoveredRule& rule) { return rule.covered; }));
}

std::string CoveragePercentage(size_t covered, size_t total) {
  const size_t tenths = total == 0 ? 1000 : covered * 1000 / total;
  return absl::StrCat(tenths / 10, ".", tenths % 10);
}

bool CoverageReaches(size_t covered, size_t total, size_t threshold) {
  return total == 0 || covered * 100000 >= threshold * total;
}

}  // namespace varmor
