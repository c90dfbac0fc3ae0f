// What running policy tests came to, and its forms: text, JSON, JUnit, TAP.
#ifndef TOOLS_VARMOR_TEST_OUTCOMES_H_
#define TOOLS_VARMOR_TEST_OUTCOMES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "lib/compiler/policy_test/policy_tests.h"
#include "lib/compiler/policy_test/rule_coverage.h"

namespace varmor {

struct TestOutcome {
  PolicyTestCase test;
  bool passed = false;
  std::string got;
  // Why it failed.
  std::string problem;
};

struct SuiteOutcome {
  // Of the tests, and of the policy: "web.yaml: VarmorPolicy shop/web".
  std::string file;
  std::string policy;
  std::vector<TestOutcome> tests;
};

// Coverage of one policy by all suites that are about it.
struct PolicyCoverage {
  std::string policy;
  std::vector<CoveredRule> rules;
};

struct TestReport {
  std::vector<SuiteOutcome> suites;
  // Empty unless asked for.
  std::vector<PolicyCoverage> coverage;

  size_t Total() const;
  size_t Failed() const;
  size_t Rules() const;
  size_t CoveredRules() const;
};

// Failures with their places, and one line per suite.
std::string OutcomesAsText(const TestReport& report, bool color);
// {tests, failed, suites: [{file, policy, tests: [{name, event, expect, passed, got, ...}]}],
// coverage: {percentage, rules, covered, uncovered: [...]}}.
std::string OutcomesAsJson(const TestReport& report);
// For servers that run builds. No times: the same tests give the same bytes.
std::string OutcomesAsJunit(const TestReport& report);
// Test Anything Protocol, version 14.
std::string OutcomesAsTap(const TestReport& report);

// "coverage: 5 of 6 rules (83.3 %)" and the rules that no test shows.
std::string CoverageAsText(const TestReport& report);

}  // namespace varmor

#endif  // TOOLS_VARMOR_TEST_OUTCOMES_H_
