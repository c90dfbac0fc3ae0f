#include "runtime/manager/policy_check.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {
namespace {

// A diagnostic has the code of the first row that fits it: its own code begins with `diagnostic`,
// its field with `field`, and its problem with `problem`.
struct CodeRow {
  const char* code;
  const char* diagnostic;
  const char* field;
  const char* problem;
};

constexpr CodeRow kCodes[] = {
    {"C1", "", "spec.target.kind", ""},
    {"C2", "target-missing", "", ""},
    {"C3", "target-ambiguous", "", ""},
    {"C4", "section-missing", "spec.policy", "mode EnhanceProtect"},
    {"C6", "section-missing", "spec.policy", "mode BehaviorModeling"},
    {"C7", "profile-name-length", "", ""},
    {"C8", "section-missing", "spec.policy", "mode DefenseInDepth"},
    {"G1", "", "spec.policy.enforcer", ""},
    {"G2", "", "spec.policy.mode", "unknown value"},
    {"G5", "section-missing", "spec.policy.defenseInDepth", ""},
    {"G6", "model-", "", ""},
    {"G7", "custom-profile-missing", "", ""},
    {"G7", "", "spec.policy.defenseInDepth.seccomp.customProfile", ""},
    {"G7", "block-list-profile", "", ""},
    {"G8", "", "spec.policy.modelingOptions.duration", ""},
    {"G9", "too-many", "", ""},
    {"G9", "path-tables", "", ""},
    {"G9", "egress-tables", "", ""},
    {"G10", "bad-pattern", "", ""},
    {"G10", "pattern-", "", ""},
    {"G11", "bad-fstype", "", ""},
    {"G12", "socket-rule", "", ""},
    {"G13", "bad-address", "", ""},
    {"G13", "destination-", "", ""},
    {"G13", "bad-port-range", "", ""},
    {"G14", "service-", "", ""},
    {"G15", "cluster-facts-missing", "", ""},
    {"G17", "unknown-rule", "", ""},
    {"G17", "unknown-qualifier", "", ""},
    {"G17", "rule-category", "", ""},
    {"G18", "rule-not-enforced", "", ""},
    {"G18", "rules-without-enforcer", "", ""},
    {"G18", "mounts-need-privileged", "", ""},
    {"G18", "rule-without-effect", "", ""},
    {"G18", "rules-without-effect", "", ""},
    {"G18", "cluster-destination-empty", "", ""},
    {"G19", "apparmor-", "", ""},
    {"G19", "profile-name", "", ""},
};

std::string CodeOf(const Diagnostic& diagnostic) {
  // Words in rules about sockets have a code of their own.
  if (diagnostic.code == "unknown-word") {
    return absl::StrContains(diagnostic.field, ".sockets[") ? "G12" : "G17";
  }
  // profileType, and other words of a list.
  if (diagnostic.code == "unknown-value" && absl::EndsWith(diagnostic.field, ".profileType")) {
    return "G17";
  }
  for (const CodeRow& row : kCodes) {
    if (absl::StartsWith(diagnostic.code, row.diagnostic) &&
        absl::StartsWith(diagnostic.field, row.field) &&
        absl::StartsWith(diagnostic.problem, row.problem)) {
      return row.code;
    }
  }
  return "S1";
}

PolicyProblem ProblemOf(const Diagnostic& diagnostic) {
  std::string text = absl::StrCat(diagnostic.field, diagnostic.field.empty() ? "" : ": ",
                                  diagnostic.problem, " [", diagnostic.code, "]");
  if (!diagnostic.fix.empty()) absl::StrAppend(&text, "; ", diagnostic.fix);
  return {CodeOf(diagnostic), std::move(text)};
}

const Json* At(const Json& value, const std::vector<const char*>& path) {
  const Json* at = &value;
  for (const char* key : path) {
    const auto found = at->is_object() ? at->find(key) : at->end();
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

// What the installation was not asked to offer.
void CheckFeatures(const Json& policy, const PolicyFeatures& features, PolicyCheck& check) {
  const Json* mode = At(policy, {"spec", "policy", "mode"});
  if (mode != nullptr && *mode == "BehaviorModeling" && !features.behavior_modeling) {
    check.errors.push_back(
        {"C5",
         "spec.policy.mode: BehaviorModeling is not available: this version of the manager "
         "collects no recordings; use another mode"});
  }
  const Json* pods = At(
      policy, {"spec", "policy", "enhanceProtect", "bpfRawRules", "network", "egress", "toPods"});
  if (pods != nullptr && !pods->empty() && features.service_egress && !features.pod_egress) {
    check.errors.push_back(
        {"G15",
         "spec.policy.enhanceProtect.bpfRawRules.network.egress.toPods: addresses of pods "
         "are not followed; start the manager with --enablePodEgressControl"});
  }
}

// "C5" before "C10" before "G1".
void SortByCode(std::vector<PolicyProblem>& problems) {
  std::stable_sort(problems.begin(), problems.end(),
                   [](const PolicyProblem& a, const PolicyProblem& b) {
                     return std::make_tuple(a.code[0], a.code.size(), a.code) <
                            std::make_tuple(b.code[0], b.code.size(), b.code);
                   });
}

void DropArtifacts(CompileResult& result) {
  result.app_armor.reset();
  result.bpf.reset();
  result.seccomp.reset();
}

}  // namespace

std::string ProblemText(const PolicyProblem& problem) {
  return absl::StrCat(problem.code, ": ", problem.text);
}

std::string ProblemsText(const std::vector<PolicyProblem>& problems) {
  return absl::StrJoin(problems, "\n", [](std::string* out, const PolicyProblem& problem) {
    out->append(ProblemText(problem));
  });
}

absl::StatusOr<PolicyCheck> CheckPolicy(const Json& policy, const PolicyFeatures& features,
                                        const BehaviorModel* model, const ClusterFacts* cluster,
                                        const Catalogue& catalogue) {
  LoadOptions load;
  load.lenient = features.lenient;
  LoadResult loaded = LoadPolicies({{"policy.json", JsonText(policy)}}, load);
  PolicyCheck check;
  if (loaded.policies.empty()) {
    for (const Diagnostic& d : loaded.diagnostics.list()) check.errors.push_back(ProblemOf(d));
    if (check.errors.empty()) check.errors.push_back({"S1", "the object is no policy"});
    return check;
  }
  CompileOptions options;
  options.lenient = features.lenient;
  options.install_namespace = features.install_namespace;
  options.model = model;
  options.cluster = features.service_egress || features.pod_egress ? cluster : nullptr;
  options.caller_binds = true;
  options.architectures = features.architectures;
  absl::StatusOr<CompileResult> result = Compile(loaded.policies.front(), options, catalogue);
  if (!result.ok()) return result.status();
  check.result = *std::move(result);
  CheckFeatures(policy, features, check);
  for (const Diagnostic& d : check.result.diagnostics.list()) {
    if (d.severity == Diagnostic::Severity::kError) check.errors.push_back(ProblemOf(d));
    if (d.severity == Diagnostic::Severity::kWarning) check.warnings.push_back(ProblemOf(d));
  }
  SortByCode(check.errors);
  SortByCode(check.warnings);
  if (!check.errors.empty()) DropArtifacts(check.result);
  return check;
}

}  // namespace varmor
