#include "tools/attack/cases.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/text_format.h"
#include "lib/compiler/artifacts_of.h"
#include "lib/compiler/bind/bind_app_armor.h"
#include "lib/compiler/bind/bind_bpf.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/catalogue/testing/rule_examples.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/load/load_policy.h"
#include "lib/compiler/simulate/decide.h"
#include "lib/compiler/status/status_macros.h"
#include "proto/builtin_rule.pb.h"

namespace varmor {
namespace {

constexpr const char* kExampleCluster =
#include "tools/attack/example_cluster.inc"
    ;

struct EnforcerNames {
  const char* in_policies;
  const char* in_examples;
};
constexpr EnforcerNames kEnforcers[] = {
    {"AppArmor", "apparmor"}, {"BPF", "bpf"}, {"Seccomp", "seccomp"}};

bool Claims(const BuiltinRule& rule, const std::string& enforcer) {
  if (enforcer == "apparmor") return rule.app_armor().not_enforceable().empty();
  if (enforcer == "bpf") return rule.bpf().not_enforceable().empty();
  return rule.seccomp().not_enforceable().empty();
}

absl::Status Bind(const NodeFacts& node, CompileResult& result) {
  if (result.app_armor.has_value()) {
    VARMOR_ASSIGN_OR_RETURN(std::string text, BindAppArmor(*result.app_armor, node));
    result.app_armor->clear_pieces();
    result.app_armor->add_pieces()->set_text(std::move(text));
  }
  if (result.bpf.has_value()) {
    VARMOR_ASSIGN_OR_RETURN(result.bpf, BindBpf(*result.bpf, node));
  }
  return absl::OkStatus();
}

absl::StatusOr<CompileResult> CompileFor(const std::string& policy, const NodeFacts& node) {
  ClusterFacts cluster;
  if (!google::protobuf::TextFormat::ParseFromString(kExampleCluster, &cluster)) {
    return absl::InternalError("the example cluster cannot be read");
  }
  const LoadResult loaded = LoadPolicies({{"policy.yaml", policy}}, {});
  if (loaded.policies.size() != 1) return absl::InternalError("no policy was read");
  CompileOptions options;
  options.lenient = true;  // one rule alone is nothing to recommend
  options.cluster = &cluster;
  options.caller_binds = true;
  VARMOR_ASSIGN_OR_RETURN(CompileResult result,
                          Compile(loaded.policies[0], options, BuiltinCatalogue()));
  for (const Diagnostic& diagnostic : result.diagnostics.list()) {
    if (diagnostic.severity == Diagnostic::Severity::kError) {
      return absl::InternalError(FormatDiagnostic(diagnostic));
    }
  }
  VARMOR_RETURN_IF_ERROR(Bind(node, result));
  return result;
}

// The container is a privileged one, so that nothing but the rule is in the way.
std::string PolicyOf(const BuiltinRule& rule, const std::string& enforcer, bool observe) {
  return PolicyOfEnforcer(
      enforcer,
      EnhanceProtectWith(rule, absl::StrCat("      privileged: true\n"
                                            "      auditViolations: true\n",
                                            observe ? "      allowViolations: true\n" : "")));
}

// "" when the verdict is what the record's example says.
std::string Contradiction(const Verdict& verdict, bool denied, bool observe) {
  const bool denies = verdict.outcome == Verdict::Outcome::kDeny;
  if (denies == (denied && !observe)) return "";
  return absl::StrCat("the simulator says ", VerdictWord(verdict),
                      verdict.reason.empty() ? "" : ": ", verdict.reason);
}

absl::Status AddEvent(const Event& event, bool denied, bool observe, const Simulator& simulator,
                      AttackCase& out) {
  VARMOR_ASSIGN_OR_RETURN(const CombinedVerdict combined, simulator.Decide(event));
  const Verdict& verdict = combined.combined;
  // What is allowed has to go on working under an enforcer that does not see it as well.
  if (verdict.outcome == Verdict::Outcome::kNotMediated && !denied) {
    out.events.push_back({event, denied, verdict});
  } else if (verdict.outcome == Verdict::Outcome::kNotMediated) {
    out.left_out.push_back({event, absl::StrCat("not mediated: ", verdict.reason)});
  } else if (verdict.outcome == Verdict::Outcome::kUnknown) {
    out.left_out.push_back({event, absl::StrCat("unknown: ", verdict.reason)});
  } else if (const std::string wrong = Contradiction(verdict, denied, observe); !wrong.empty()) {
    return absl::InternalError(
        absl::StrCat(out.rule, ", ", out.enforcer, ", ", event.ShortDebugString(), ": ", wrong));
  } else {
    out.events.push_back({event, denied, verdict});
  }
  return absl::OkStatus();
}

CaseDraft DraftOf(const BuiltinRule& rule, const EnforcerNames& enforcer, bool observe) {
  CaseDraft draft;
  draft.rule = draft.reported_as = rule.id();
  draft.enforcer = enforcer.in_policies;
  draft.policy = PolicyOf(rule, enforcer.in_policies, observe);
  const auto take = [&enforcer](const auto& examples, std::vector<Event>& into) {
    for (const Event& event : examples) {
      if (IsExampleFor(event, enforcer.in_examples)) into.push_back(event);
    }
  };
  take(rule.denies(), draft.denied);
  take(rule.still_allows(), draft.allowed);
  return draft;
}

absl::Status AddEvents(const CaseDraft& draft, const CaseOptions& options,
                       const Simulator& simulator, AttackCase& out) {
  for (const bool denied : {true, false}) {
    for (const Event& event : denied ? draft.denied : draft.allowed) {
      VARMOR_RETURN_IF_ERROR(AddEvent(event, denied, options.observe, simulator, out));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AttackCase> MakeCase(const CaseDraft& draft, const CaseOptions& options) {
  AttackCase out;
  out.rule = draft.rule;
  out.reported_as = draft.reported_as;
  out.enforcer = draft.enforcer;
  out.policy = draft.policy;
  absl::StatusOr<CompileResult> compiled = CompileFor(out.policy, options.node);
  if (!compiled.ok()) {
    return absl::InternalError(absl::StrCat(draft.rule, ": ", compiled.status().message()));
  }
  out.compiled = std::make_shared<const CompileResult>(*std::move(compiled));
  SimulateOptions simulate;
  simulate.includes = options.includes;
  VARMOR_ASSIGN_OR_RETURN(const Simulator simulator,
                          Simulator::Load(ArtifactsOf(*out.compiled), simulate));
  VARMOR_RETURN_IF_ERROR(AddEvents(draft, options, simulator, out));
  return out;
}

absl::StatusOr<std::vector<AttackCase>> CatalogueCases(const CaseOptions& options) {
  std::vector<AttackCase> cases;
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    for (const EnforcerNames& enforcer : kEnforcers) {
      if (!Claims(rule, enforcer.in_examples)) continue;
      VARMOR_ASSIGN_OR_RETURN(AttackCase made,
                              MakeCase(DraftOf(rule, enforcer, options.observe), options));
      cases.push_back(std::move(made));
    }
  }
  return cases;
}

absl::StatusOr<std::vector<AttackCase>> SelectCases(const std::vector<std::string>& rules,
                                                    const std::vector<std::string>& enforcers,
                                                    std::vector<AttackCase> cases) {
  const auto named = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::set<std::string> there = {kMachineCase};
  for (const AttackCase& attack_case : cases) there.insert(attack_case.rule);
  for (const std::string& rule : rules) {
    if (there.count(rule) > 0) continue;
    return absl::InvalidArgumentError(absl::StrCat("there is no case ", Quoted(rule),
                                                   "; there are: ", absl::StrJoin(there, ", ")));
  }
  for (const std::string& enforcer : enforcers) {
    if (std::any_of(std::begin(kEnforcers), std::end(kEnforcers),
                    [&](const EnforcerNames& names) { return names.in_policies == enforcer; })) {
      continue;
    }
    return absl::InvalidArgumentError(absl::StrCat("there is no enforcer ", Quoted(enforcer),
                                                   "; there are: AppArmor, BPF, Seccomp"));
  }
  std::set<std::string> of_rules;
  std::vector<AttackCase> selected;
  for (AttackCase& attack_case : cases) {
    if (!rules.empty() && !named(rules, attack_case.rule)) continue;
    of_rules.insert(attack_case.enforcer);
    if (named(enforcers, attack_case.enforcer)) selected.push_back(std::move(attack_case));
  }
  if (named(rules, kMachineCase)) of_rules.insert("BPF");
  if (selected.empty() && !(named(rules, kMachineCase) && named(enforcers, "BPF"))) {
    return absl::InvalidArgumentError(absl::StrCat(
        "nothing to attack: no case of these rules is for ", absl::StrJoin(enforcers, " or "),
        "; there are some for: ", absl::StrJoin(of_rules, ", ")));
  }
  return selected;
}

}  // namespace varmor
