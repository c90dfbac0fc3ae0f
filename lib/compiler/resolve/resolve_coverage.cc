#include "lib/compiler/resolve/resolve_coverage.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace varmor {
namespace {

constexpr absl::string_view kNoTargets = "it cannot limit a rule to some executables";

// "" when `enforcer` carries the rule out.
std::string ReasonAgainst(const ResolvedReference& resolved, absl::string_view enforcer) {
  const BuiltinRule& rule = *resolved.rule;
  const bool targeted = resolved.reference->target_group >= 0;
  if (enforcer == "AppArmor") return rule.app_armor().not_enforceable();
  const std::string& reason =
      enforcer == "BPF" ? rule.bpf().not_enforceable() : rule.seccomp().not_enforceable();
  if (reason.empty() && targeted) return std::string(kNoTargets);
  return reason;
}

Coverage CoverageOf(const Policy& policy, const ResolvedReference& resolved,
                    absl::string_view enforcer) {
  Coverage coverage;
  coverage.rule = resolved.rule->id();
  coverage.field = resolved.reference->field;
  coverage.enforcer = std::string(enforcer);
  coverage.reason = ReasonAgainst(resolved, enforcer);
  if (!coverage.reason.empty()) {
    coverage.state = "not enforceable";
  } else if (policy.action.deny) {
    coverage.state = "enforced";
    if (enforcer == "Seccomp" && policy.action.audit) {
      coverage.reason = "seccomp cannot report what it blocks";
    }
  } else if (policy.action.audit) {
    coverage.state = "observed";
  } else {
    coverage.state = "no effect";
    coverage.reason = "allowViolations without auditViolations";
  }
  return coverage;
}

// The enforcers of a set by name.
std::vector<std::string> Names(const EnforcerSet& set) {
  std::vector<std::string> names;
  if (set.app_armor) names.emplace_back("AppArmor");
  if (set.bpf) names.emplace_back("BPF");
  if (set.seccomp) names.emplace_back("Seccomp");
  return names;
}

// What would help: enforcers outside the policy's set that can carry the rule out.
std::string FixFor(const ResolvedReference& resolved, const EnforcerSet& named) {
  std::vector<std::string> able;
  const EnforcerSet missing{!named.app_armor, !named.bpf, !named.seccomp, false};
  for (const std::string& enforcer : Names(missing)) {
    if (ReasonAgainst(resolved, enforcer).empty()) able.push_back(enforcer);
  }
  if (!able.empty()) return absl::StrCat("add enforcer ", absl::StrJoin(able, " or "));
  if (resolved.reference->target_group >= 0) return "move it to a group without targets";
  return "remove it";
}

}  // namespace

std::vector<Coverage> ResolveCoverage(const Policy& policy,
                                      const std::vector<ResolvedReference>& references,
                                      Diagnostics& diagnostics) {
  std::vector<Coverage> all;
  for (const ResolvedReference& resolved : references) {
    std::vector<std::string> reasons;
    bool carried_out = false;
    for (const std::string& enforcer : Names(policy.named_enforcers)) {
      const std::string reason = ReasonAgainst(resolved, enforcer);
      if (reason.empty()) {
        carried_out = true;
      } else {
        reasons.push_back(absl::StrCat(enforcer, ": ", reason));
      }
    }
    if (!carried_out && !reasons.empty()) {
      diagnostics.StrictError(
          "rule-not-enforced", resolved.reference->field,
          absl::StrCat("none of the policy's enforcers can carry out rule ",
                       Quoted(resolved.reference->name), " (", absl::StrJoin(reasons, "; "), ")"),
          FixFor(resolved, policy.named_enforcers));
    }
    for (const std::string& enforcer : Names(policy.enforcers)) {
      all.push_back(CoverageOf(policy, resolved, enforcer));
    }
  }
  return all;
}

}  // namespace varmor
