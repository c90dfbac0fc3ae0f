// A compiled policy with its simulator, for tests.
#ifndef LIB_COMPILER_POLICY_TEST_POLICY_FOR_TEST_H_
#define LIB_COMPILER_POLICY_TEST_POLICY_FOR_TEST_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/simulate/decide.h"

namespace varmor {

struct PolicyForTest {
  CompileResult result;
  std::optional<Simulator> simulator;

  ArtifactSet artifacts() const;
};

// Compiles an EnhanceProtect policy with these lines as its section. Fails the test when it does
// not compile.
PolicyForTest CompileForTest(absl::string_view enforcer, absl::string_view rules,
                             absl::string_view more = "");

}  // namespace varmor

#endif  // LIB_COMPILER_POLICY_TEST_POLICY_FOR_TEST_H_
