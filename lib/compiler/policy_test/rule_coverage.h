// Which rules of a policy its tests have shown at work.
#ifndef LIB_COMPILER_POLICY_TEST_RULE_COVERAGE_H_
#define LIB_COMPILER_POLICY_TEST_RULE_COVERAGE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "lib/compiler/simulate/decide.h"

namespace varmor {

// A rule of the policy under one enforcer. All entries that the rule has in the enforcer's artifact
// count as one.
struct CoveredRule {
  std::string enforcer;
  std::string rule;
  std::string field;
  bool covered = false;
};

class RuleCoverage {
 public:
  // Counts what the author wrote: rules with a field. Those of the profile's frame are not among
  // them.
  explicit RuleCoverage(const ArtifactSet& artifacts);

  // Every rule that is responsible in `verdict` is covered.
  void Add(const CombinedVerdict& verdict);

  // By enforcer, then as they stand in its artifact.
  const std::vector<CoveredRule>& rules() const { return rules_; }
  size_t covered() const;

 private:
  std::vector<CoveredRule> rules_;
};

// 100 * covered / total with one digit behind the point, never rounded up: 9996 of 10000 are
// "99.9". Of nothing, everything is covered.
std::string CoveragePercentage(size_t covered, size_t total);

// Whether the share reaches `threshold`, a percentage in thousandths (80.5 % is 80500).
bool CoverageReaches(size_t covered, size_t total, size_t threshold);

}  // namespace varmor

#endif  // LIB_COMPILER_POLICY_TEST_RULE_COVERAGE_H_
