#include "lib/compiler/lint/lint_policy.h"

#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/compiler/lint/claim.h"
#include "lib/compiler/lint/lint_broad.h"
#include "lib/compiler/lint/lint_risky.h"
#include "lib/compiler/lint/lint_superfluous.h"
#include "lib/compiler/lint/lint_symlinks.h"
#include "lib/compiler/lint/lint_table.h"

namespace varmor {
namespace {

// A rule may become several claims, of which each is found.
void DropRepeated(Diagnostics& findings) {
  std::set<std::tuple<std::string, std::string, std::string, int, int>> seen;
  std::vector<Diagnostic> kept;
  for (Diagnostic& d : findings.mutable_list()) {
    if (!seen.emplace(d.code, d.field, d.problem, d.inside.line, d.inside.column).second) continue;
    kept.push_back(std::move(d));
  }
  findings.mutable_list() = std::move(kept);
}

// Where the compiler has said that a rule does nothing, the same need not be said again.
void DropSaidByCompiler(const Diagnostics& compiled, Diagnostics& findings) {
  std::set<std::tuple<std::string, int, int>> said;
  for (const Diagnostic& d : compiled.list()) {
    const LintSpec* lint = FindLint(d.code);
    if (lint != nullptr && lint->from_compile) {
      said.emplace(d.field, d.place.line, d.place.column);
    }
  }
  std::vector<Diagnostic> kept;
  for (Diagnostic& d : findings.mutable_list()) {
    const bool repeated = (d.code == "shadowed-rule" || d.code == "covered-by-default") &&
                          said.count({d.field, d.place.line, d.place.column}) > 0;
    if (!repeated) kept.push_back(std::move(d));
  }
  findings.mutable_list() = std::move(kept);
}

}  // namespace

Diagnostics LintPolicy(const LoadedPolicy& policy, const CompileResult& result,
                       const Catalogue& catalogue) {
  Diagnostics findings;
  if (result.rules == nullptr || !policy.valid || result.diagnostics.HasErrors()) return findings;
  const Claims claims = ClaimsOf(result);
  LintBudget budget;
  LintSuperfluousRules(result, claims, catalogue, budget, findings);
  if (policy.object.spec().policy().mode() == "EnhanceProtect") {
    LintIdleEnforcers(result, claims, findings);
  }
  LintBroadDenials(result, claims, budget, findings);
  LintRiskyPermissions(policy.object, result, claims, findings);
  LintSymlinks(policy.object, result, claims, budget, findings);
  if (budget.exhausted) {
    AddFinding("lint-limit", "spec.policy",
               "there are too many rules to compare each with all others; some findings may be "
               "missing",
               "", findings);
  }
  DropRepeated(findings);
  Locate(policy, findings);
  DropSaidByCompiler(result.diagnostics, findings);
  findings.SortByPlace();
  return findings;
}

}  // namespace varmor
