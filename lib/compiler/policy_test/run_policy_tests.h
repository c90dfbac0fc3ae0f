// Asks a compiled policy what its tests want to know.
#ifndef LIB_COMPILER_POLICY_TEST_RUN_POLICY_TESTS_H_
#define LIB_COMPILER_POLICY_TEST_RUN_POLICY_TESTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/compiler/policy_test/policy_tests.h"
#include "lib/compiler/simulate/decide.h"

namespace varmor {

struct PolicyTestResult {
  bool passed = false;
  // The verdict that was compared: "deny", "not mediated", ...
  std::string got;
  // Why the test failed, one sentence: `expected deny, got allow: no rule is about it, and the
  // profile allows by default`; "" when it passed.
  std::string problem;
  CombinedVerdict verdict;
};

// Runs one test. Its expectation holds when
//   allow       the verdict is allow, or no enforcer sees such an event;
//   deny        it is deny, reported or not;
//   audit, audit deny   it is just that;
// and, where the test names a rule, that rule is responsible under an enforcer with this verdict.
// An unknown verdict never is what a test expects.
//
// `artifacts` are those that `simulator` was loaded from. An error is a fault of ours: events that
// were parsed are ones that the simulator accepts, but for a child profile that does not exist,
// which is a failed test.
absl::StatusOr<PolicyTestResult> RunPolicyTest(const PolicyTestCase& test,
                                               const ArtifactSet& artifacts,
                                               const Simulator& simulator);

}  // namespace varmor

#endif  // LIB_COMPILER_POLICY_TEST_RUN_POLICY_TESTS_H_
