// Writes the first tests of a policy: what it does now, in the form that people go on with.
#ifndef LIB_COMPILER_POLICY_TEST_SCAFFOLD_H_
#define LIB_COMPILER_POLICY_TEST_SCAFFOLD_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/simulate/decide.h"

namespace varmor {

struct ScaffoldRequest {
  // As the test file is to name it.
  std::string policy;
  // "" when the file holds one policy only.
  std::string policy_name;
};

struct Scaffold {
  // YAML of a PolicyTestFile. All of its tests pass.
  std::string text;
  int tests = 0;
  // Rules that no test shows at work, as "Seccomp: raw (FIELD)": an example has to be thought up.
  std::vector<std::string> without_test;
};

// Built-in rules get their examples out of the catalogue, what they block and what they still
// allow; other rules get an event out of their text. Expectations are what `simulator`, loaded from
// `artifacts`, answers.
absl::StatusOr<Scaffold> ScaffoldPolicyTests(const ScaffoldRequest& request,
                                             const ArtifactSet& artifacts,
                                             const Simulator& simulator,
                                             const Catalogue& catalogue);

}  // namespace varmor

#endif  // LIB_COMPILER_POLICY_TEST_SCAFFOLD_H_
