// What is wrong with a policy, in the codes that messages of the manager and its webhook begin with
// (docs/operations.md lists them).
#ifndef RUNTIME_MANAGER_POLICY_CHECK_H_
#define RUNTIME_MANAGER_POLICY_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "runtime/protocol/json_fields.h"

namespace varmor {

// What the installation offers to policies.
struct PolicyFeatures {
  // Namespace of vArmor itself.
  std::string install_namespace = "varmor";
  // Turn into warnings what vArmor accepts and ignores.
  bool lenient = false;
  // Mode BehaviorModeling.
  bool behavior_modeling = false;
  // toServices and rules about services; toPods.
  bool service_egress = false;
  bool pod_egress = false;
  // Architectures of the nodes, as CompileOptions has them.
  std::vector<std::string> architectures = CompileOptions().architectures;
};

struct PolicyProblem {
  // C1 to C9: what the policy as a whole must have. G1 to G19: what its rules must be. S1: it does
  // not fit the schema.
  std::string code;
  // "spec.target.kind: unknown value \"Job\" [unknown-value]; one of ...".
  std::string text;
};

// "C1: spec.target.kind: ...".
std::string ProblemText(const PolicyProblem& problem);
// One line each.
std::string ProblemsText(const std::vector<PolicyProblem>& problems);

struct PolicyCheck {
  // By code, then in the order of the object's text. With an error, `result` has no artifacts.
  std::vector<PolicyProblem> errors;
  std::vector<PolicyProblem> warnings;
  CompileResult result;
};

// Compiles `policy`, an object as the API server has it. `model` is for profileType BehaviorModel
// and `cluster` for egress to services and pods; null: unknown, which is an error where the policy
// needs it. A status is a fault of ours.
absl::StatusOr<PolicyCheck> CheckPolicy(const Json& policy, const PolicyFeatures& features,
                                        const BehaviorModel* model, const ClusterFacts* cluster,
                                        const Catalogue& catalogue);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_POLICY_CHECK_H_
