// Files of policy tests (proto/policy_test.proto): bytes to test cases whose events are parsed.
#ifndef LIB_COMPILER_POLICY_TEST_POLICY_TESTS_H_
#define LIB_COMPILER_POLICY_TEST_POLICY_TESTS_H_

#include <string>
#include <vector>

#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/load/load_policy.h"
#include "proto/event.pb.h"

namespace varmor {

struct PolicyTestCase {
  // Unique in its suite.
  std::string name;
  // As written, and what it means.
  std::string event_text;
  Event event;
  // "allow", "deny", "audit" or "audit deny".
  std::string expect;
  // "AppArmor", "BPF" or "Seccomp"; "": all of them together.
  std::string enforcer;
  // Built-in rule or field path; "": any.
  std::string rule;
  // Where the test begins in its file.
  TextPlace place;
};

// One document of a file: one policy with its tests.
struct PolicyTestSuite {
  std::string file;
  // File of the policy, relative to `file`; "": the caller names the policies.
  std::string policy;
  // Where that is written.
  TextPlace policy_place;
  // metadata.name or "NAMESPACE/NAME"; "": the only policy.
  std::string policy_name;
  // In the order of the file; at least one.
  std::vector<PolicyTestCase> tests;
};

// Reads every document of `source`. Unknown keys, missing values, events that do not parse, names
// that stand twice, and a file without tests are errors with their place. The suites are complete
// only when there was no error.
std::vector<PolicyTestSuite> ReadPolicyTests(const PolicySource& source, Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_POLICY_TEST_POLICY_TESTS_H_
