#include "lib/compiler/compile.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/emit/emit_app_armor.h"
#include "lib/compiler/emit/emit_bpf.h"
#include "lib/compiler/emit/emit_seccomp.h"
#include "lib/compiler/ir/rule_set.h"
#include "lib/compiler/lower/lower_app_armor.h"
#include "lib/compiler/lower/lower_bpf.h"
#include "lib/compiler/lower/lower_seccomp.h"
#include "lib/compiler/normalise/normalise_policy.h"
#include "lib/compiler/policy/profile_name.h"
#include "lib/compiler/resolve/resolve_rules.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/compiler/validate/validate_policy.h"

namespace varmor {
namespace {

// What only a node or a cluster knows is missing from the artifacts: nobody may take them for
// whole.
void WarnOfHoles(CompileResult& result) {
  bool disks = false;
  if (result.app_armor.has_value()) {
    for (const AppArmorPiece& piece : result.app_armor->pieces()) disks |= piece.has_hole();
  }
  if (result.bpf.has_value()) {
    for (const int hole : result.bpf->holes()) disks |= hole == DISK_DEVICE_MAP;
  }
  if (!disks) return;
  result.diagnostics.Warning(
      "unbound-disk-devices", "",
      "rules about the node's disks do nothing until the node's facts are bound",
      "bind the artifacts on the node (--bind FACTS)");
}

absl::Status LowerAndEmit(const RuleSet& rules, const CompileOptions& options,
                          CompileResult& result) {
  const std::string& name = rules.profile_name;
  if (rules.app_armor.has_value()) {
    VARMOR_ASSIGN_OR_RETURN(const AppArmorProfile profile,
                            LowerAppArmor(*rules.app_armor, name, result.diagnostics));
    result.app_armor = EmitAppArmor(profile);
  }
  if (rules.bpf.has_value()) {
    VARMOR_ASSIGN_OR_RETURN(BpfProfile profile, LowerBpf(*rules.bpf, name, result.diagnostics));
    result.bpf = EmitBpf(std::move(profile));
  }
  if (rules.seccomp.has_value()) {
    VARMOR_ASSIGN_OR_RETURN(
        const SeccompProfile profile,
        LowerSeccomp(*rules.seccomp, options.architectures, result.diagnostics));
    result.seccomp = EmitSeccomp(name, profile);
  }
  return absl::OkStatus();
}

void DropArtifacts(CompileResult& result) {
  result.app_armor.reset();
  result.bpf.reset();
  result.seccomp.reset();
}

// True when one of the two fields is, or lies in, the other.
bool Overlap(absl::string_view a, absl::string_view b) {
  const absl::string_view shorter = a.size() < b.size() ? a : b;
  const absl::string_view longer = a.size() < b.size() ? b : a;
  if (!absl::StartsWith(longer, shorter)) return false;
  return longer.size() == shorter.size() || longer[shorter.size()] == '.' ||
         longer[shorter.size()] == '[' || shorter.empty();
}

// Of what a later step found, keeps what has nothing to do with the errors before it: those left
// parts out, and what follows from that is no news.
void KeepIndependent(const Diagnostics& before, Diagnostics& later) {
  std::vector<Diagnostic> kept;
  for (Diagnostic& d : later.mutable_list()) {
    const bool follows =
        std::any_of(before.list().begin(), before.list().end(), [&](const Diagnostic& earlier) {
          return earlier.severity == Diagnostic::Severity::kError &&
                 Overlap(earlier.field, d.field);
        });
    if (!follows) kept.push_back(std::move(d));
  }
  later.mutable_list() = std::move(kept);
}

void Append(Diagnostics more, Diagnostics& all) {
  for (Diagnostic& d : more.mutable_list()) all.Add(std::move(d));
}

absl::Status RunStages(const LoadedPolicy& policy, const CompileOptions& options,
                       const Catalogue& catalogue, CompileResult& result) {
  ValidatePolicy(policy.object, options.install_namespace, result.diagnostics);

  // Resolving goes on after mistakes of validation, so that all are reported at once.
  const Policy normal = NormalisePolicy(policy.object, options.install_namespace,
                                        options.only_enforcers, options.modeling_finished);
  result.profile_name = normal.profile_name;
  result.mode = normal.complain ? "complain" : "enforce";
  const ResolveInputs inputs{options.model, options.cluster, options.architectures};
  RuleSet rules = ResolveRules(normal, catalogue, inputs, result.diagnostics);
  result.coverage = std::move(rules.coverage);

  // Lowering finds mistakes too (rules that conflict, tables that do not fit): after others as
  // well, on what is left of the rules.
  Diagnostics before = std::move(result.diagnostics);
  result.diagnostics = Diagnostics(options.lenient);
  const absl::Status status = LowerAndEmit(rules, options, result);
  if (before.HasErrors() || !policy.valid) {
    // Lowering may refuse what validation or loading has reported, such as the name.
    KeepIndependent(before, result.diagnostics);
  } else {
    VARMOR_RETURN_IF_ERROR(status);
    if (!options.caller_binds) WarnOfHoles(result);
  }
  Append(std::move(result.diagnostics), before);
  result.diagnostics = std::move(before);
  if (options.keep_rules) result.rules = std::make_shared<const RuleSet>(std::move(rules));
  return absl::OkStatus();
}

// One mistake may be found on several ways, such as a service rule with two services.
void DropRepeated(Diagnostics& diagnostics) {
  std::set<std::tuple<std::string, std::string, std::string, int, int>> seen;
  std::vector<Diagnostic> kept;
  for (Diagnostic& d : diagnostics.mutable_list()) {
    if (!seen.emplace(d.code, d.field, d.problem, d.inside.line, d.inside.column).second) continue;
    kept.push_back(std::move(d));
  }
  diagnostics.mutable_list() = std::move(kept);
}

}  // namespace

absl::StatusOr<CompileResult> Compile(const LoadedPolicy& policy, const CompileOptions& options,
                                      const Catalogue& catalogue) {
  CompileResult result;
  result.diagnostics = Diagnostics(options.lenient);
  VARMOR_RETURN_IF_ERROR(RunStages(policy, options, catalogue, result));
  if (!policy.valid) KeepIndependent(policy.diagnostics, result.diagnostics);
  Append(policy.diagnostics, result.diagnostics);
  if (!policy.valid || result.diagnostics.HasErrors()) DropArtifacts(result);
  DropRepeated(result.diagnostics);
  Locate(policy, result.diagnostics);
  result.diagnostics.SortByPlace();
  return result;
}

void CheckProfileNames(const std::vector<LoadedPolicy>& policies,
                       std::vector<CompileResult>& results) {
  std::map<std::string, std::vector<size_t>> by_name;
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i].profile_name.empty()) by_name[results[i].profile_name].push_back(i);
  }
  for (const auto& [name, indexes] : by_name) {
    if (indexes.size() < 2) continue;
    for (const size_t index : indexes) {
      std::vector<std::string> others;
      for (const size_t other : indexes) {
        if (other == index) continue;
        const ObjectMeta& metadata = policies[other].object.metadata();
        others.push_back(
            absl::StrCat(policies[other].file, " (", policies[other].object.kind(), " ",
                         metadata.namespace_().empty() ? "" : metadata.namespace_() + "/",
                         metadata.name(), ")"));
      }
      CompileResult& result = results[index];
      result.diagnostics.Error("profile-name-collision", "metadata.name",
                               absl::StrCat("profile name ", Quoted(name), " is also that of ",
                                            absl::StrJoin(others, ", ")),
                               "rename one of the policies");
      DropArtifacts(result);
      Locate(policies[index], result.diagnostics);
      result.diagnostics.SortByPlace();
    }
  }
}

}  // namespace varmor
