#include "runtime/manager/policy_update.h"

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/policy/enforcer_set.h"

namespace varmor {
namespace {

constexpr char kModelingMode[] = "BehaviorModeling";
constexpr char kModelingPhase[] = "Modeling";
constexpr char kWait[] = "wait until the policy's phase is Completed";

// `object.key`; null when there is none.
const Json& Member(const Json& object, const char* key) {
  static const Json* const kNone = new Json();
  const auto found = object.find(key);
  return found == object.end() ? *kNone : *found;
}

std::string TextOf(const Json& value) { return value.is_string() ? value.get<std::string>() : ""; }

// `value` without those of `keys` that say as much as their absence.
Json WithoutEmpty(Json value, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (Member(value, key).empty() || Member(value, key) == "") value.erase(key);
  }
  return value;
}

// A target in the one form that all with its meaning share.
Json PlainTarget(const Json& target) {
  if (!target.is_object()) return target;
  Json plain = WithoutEmpty(target, {"name", "containers"});
  if (Member(plain, "selector").is_null()) plain.erase("selector");
  if (!Member(plain, "selector").is_object()) return plain;
  // An empty selector selects everything: it stays.
  Json& selector = plain["selector"];
  selector = WithoutEmpty(selector, {"matchLabels", "matchExpressions"});
  if (!Member(selector, "matchExpressions").is_array()) return plain;
  for (Json& each : selector["matchExpressions"]) {
    if (each.is_object()) each = WithoutEmpty(each, {"values"});
  }
  return plain;
}

std::vector<absl::string_view> Removed(const EnforcerSet& before, const EnforcerSet& after) {
  std::vector<absl::string_view> names;
  if (before.app_armor && !after.app_armor) names.push_back("AppArmor");
  if (before.seccomp && !after.seccomp) names.push_back("Seccomp");
  if (before.network_proxy && !after.network_proxy) names.push_back("NetworkProxy");
  return names;
}

bool Same(const EnforcerSet& a, const EnforcerSet& b) {
  return a.bpf == b.bpf && Removed(a, b).empty() && Removed(b, a).empty();
}

void CheckEnforcers(const Json& before, const Json& after, bool modeling,
                    std::vector<PolicyProblem>& problems) {
  const std::string was = TextOf(Member(before, "enforcer"));
  const std::string is = TextOf(Member(after, "enforcer"));
  Diagnostics unreadable;
  const EnforcerSet old_set = ParseEnforcers(was, "", unreadable);
  const EnforcerSet new_set = ParseEnforcers(is, "", unreadable);
  if (unreadable.HasErrors()) return;
  const std::vector<absl::string_view> removed = Removed(old_set, new_set);
  if (!removed.empty()) {
    const std::string names = absl::StrJoin(removed, " and ");
    problems.push_back(
        {"U4", absl::StrCat("spec.policy.enforcer: ", Quoted(is), " leaves out ", names,
                            ", which running containers still refer to; keep ", names,
                            ", or delete the policy and create it again")});
  }
  if (modeling && !Same(old_set, new_set)) {
    problems.push_back(
        {"U5", absl::StrCat("spec.policy.enforcer: cannot change from ", Quoted(was), " to ",
                            Quoted(is), " while behaviour is being recorded; ", kWait)});
  }
}

}  // namespace

std::vector<PolicyProblem> CheckUpdate(const Json& before, const Json& after,
                                       absl::string_view phase) {
  std::vector<PolicyProblem> problems;
  if (PlainTarget(Member(before, "target")) != PlainTarget(Member(after, "target"))) {
    problems.push_back({"U1",
                        "spec.target: the target of a policy cannot change; create another policy "
                        "for the new target"});
  }
  const Json& old_policy = Member(before, "policy");
  const Json& new_policy = Member(after, "policy");
  const std::string old_mode = TextOf(Member(old_policy, "mode"));
  const std::string new_mode = TextOf(Member(new_policy, "mode"));
  const bool modeling = phase == kModelingPhase && old_mode == kModelingMode;
  if (modeling && new_mode != old_mode) {
    problems.push_back({"U3", absl::StrCat("spec.policy.mode: cannot change to ", Quoted(new_mode),
                                           " while behaviour is being recorded; ", kWait)});
  }
  CheckEnforcers(old_policy, new_policy, modeling && new_mode == old_mode, problems);
  return problems;
}

}  // namespace varmor
