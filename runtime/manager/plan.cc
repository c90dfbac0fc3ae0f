#include "runtime/manager/plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/policy/enforcer_set.h"
#include "lib/compiler/policy/profile_name.h"
#include "runtime/manager/policy_update.h"
#include "runtime/protocol/armor_profile.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

// The member at the end of `path`; null when there is none.
const Json& At(const Json& value, std::initializer_list<const char*> path) {
  static const Json* const none = new Json();
  const Json* at = &value;
  for (const char* key : path) {
    const auto found = at->is_object() ? at->find(key) : at->end();
    if (found == at->end()) return *none;
    at = &*found;
  }
  return *at;
}

std::string TextAt(const Json& value, std::initializer_list<const char*> path) {
  const Json& at = At(value, path);
  return at.is_string() ? at.get<std::string>() : "";
}

bool IsDeleting(const Json& object) {
  return !At(object, {"metadata", "deletionTimestamp"}).is_null();
}

bool HasFinalizer(const Json& object, absl::string_view name) {
  const Json& list = At(object, {"metadata", "finalizers"});
  return list.is_array() && std::find(list.begin(), list.end(), std::string(name)) != list.end();
}

// A merge patch; with the resourceVersion, so that a finalizer that somebody else adds meanwhile is
// not lost.
Json FinalizerPatch(const Json& object, absl::string_view name, bool wanted) {
  Json list = Json::array();
  const Json& old = At(object, {"metadata", "finalizers"});
  if (old.is_array()) {
    for (const Json& finalizer : old) {
      if (finalizer != std::string(name)) list.push_back(finalizer);
    }
  }
  if (wanted) list.push_back(std::string(name));
  Json metadata = {{"finalizers", std::move(list)}};
  const std::string version = TextAt(object, {"metadata", "resourceVersion"});
  if (!version.empty()) metadata["resourceVersion"] = version;
  return {{"metadata", std::move(metadata)}};
}

const Json RetirePatch() {
  return {{"metadata", {{"annotations", {{kRetireAnnotation, "true"}}}}}};
}

bool IsRetiring(const Json& profile) {
  return At(profile, {"metadata", "annotations", kRetireAnnotation}) == "true";
}

// Since when the object is going; infinite past when it is not.
absl::Time DeletionTime(const Json& object) {
  absl::Time time = absl::InfinitePast();
  std::string error;
  absl::ParseTime(absl::RFC3339_full, TextAt(object, {"metadata", "deletionTimestamp"}), &time,
                  &error);
  return time;
}

std::string OwnerUid(const Json& profile) {
  const Json& owners = At(profile, {"metadata", "ownerReferences"});
  if (!owners.is_array()) return "";
  for (const Json& owner : owners) {
    if (At(owner, {"controller"}) == true) return TextAt(owner, {"uid"});
  }
  return "";
}

Json ConditionOf(const Json& status, absl::string_view type) {
  const Json& conditions = At(status, {"conditions"});
  if (!conditions.is_array()) return nullptr;
  for (const Json& condition : conditions) {
    if (TextAt(condition, {"type"}) == type) return condition;
  }
  return nullptr;
}

std::string ReasonOf(const std::vector<PolicyProblem>& problems) {
  for (const PolicyProblem& problem : problems) {
    if (problem.code == "NameCollision") return problem.code;
  }
  const bool forbidden = std::any_of(problems.begin(), problems.end(), [](const auto& problem) {
    return problem.code[0] == 'C' || problem.code[0] == 'U';
  });
  return forbidden ? "Forbidden" : "Error";
}

bool NeedsModel(const Json& policy) {
  for (const char* enforcer : {"appArmor", "seccomp", "bpf"}) {
    if (TextAt(policy, {"spec", "policy", "defenseInDepth", enforcer, "profileType"}) ==
        "BehaviorModel") {
      return true;
    }
  }
  return false;
}

class PolicyPlanner {
 public:
  explicit PolicyPlanner(const PolicyView& view)
      : view_(view),
        policy_(*view.policy),
        draft_(*view.draft),
        old_status_(At(policy_, {"status"}).is_object() ? policy_["status"] : Json::object()) {}

  PolicyPlan Plan() {
    if (IsDeleting(policy_)) {
      PlanDeletion();
    } else if (view_.armor_profile != nullptr && IsDeleting(*view_.armor_profile)) {
      // Somebody deleted it, or it is left from a policy of the same name. It has to go before
      // another one can take its place.
      Add(PlanAction::Kind::kPatchProfile,
          FinalizerPatch(*view_.armor_profile, kArmorProfileFinalizer, false));
      plan_.again = absl::Seconds(1);
    } else if (const std::string taker = NameTaker(); !taker.empty()) {
      RefuseCreation(
          {{"NameCollision",
            absl::StrCat("the profile's name ", Quoted(draft_.profile_name), " is that of ", taker,
                         "; on a node one would replace the other; rename the policy")}});
    } else if (view_.armor_profile == nullptr) {
      PlanCreation();
    } else {
      PlanUpdate();
    }
    return std::move(plan_);
  }

 private:
  void Add(PlanAction::Kind kind, Json body) { plan_.actions.push_back({kind, std::move(body)}); }

  bool IsOurs() const {
    return view_.armor_profile != nullptr &&
           OwnerUid(*view_.armor_profile) == TextAt(policy_, {"metadata", "uid"});
  }

  // Whose the profile's name is, if not this policy's.
  std::string NameTaker() const {
    if (draft_.profile_name.empty()) return "";
    if (view_.armor_profile != nullptr && !IsOurs() && view_.owner_exists) {
      return absl::StrCat("ArmorProfile ", ArmorProfileKey(draft_.name_space, draft_.profile_name),
                          ", which belongs to another policy");
    }
    // An ArmorProfile that this policy has already keeps its name.
    if (!IsOurs() && !view_.same_name.empty())
      return absl::StrCat("ArmorProfile ", view_.same_name);
    return "";
  }

  void PlanCreation() {
    if (!draft_.errors.empty()) {
      RefuseCreation(draft_.errors);
      return;
    }
    KeepPolicy();
    Add(PlanAction::Kind::kCreateProfile, ProfileObject());
    AcceptStatus();
  }

  void PlanUpdate() {
    std::vector<PolicyProblem> problems;
    // A profile without an owner, which this policy takes over, binds it to nothing.
    if (IsOurs()) {
      problems = CheckUpdate(SpecBefore(), At(policy_, {"spec"}), TextAt(old_status_, {"phase"}));
    }
    problems.insert(problems.end(), draft_.errors.begin(), draft_.errors.end());
    if (!problems.empty()) {
      RefuseUpdate(problems);
      return;
    }
    KeepPolicy();
    Json object = ProfileObject();
    if (object != *view_.armor_profile) {
      Add(PlanAction::Kind::kUpdateProfile, std::move(object));
    }
    AcceptStatus();
  }

  // What of the policy's former spec binds the new one.
  Json SpecBefore() const {
    const Json& spec = At(*view_.armor_profile, {"spec"});
    const Json& target = At(spec, {"target"});
    const bool modeling = At(spec, {"behaviorModeling", "enable"}) == true;
    return {
        {"target", target.is_null() ? At(policy_, {"spec", "target"}) : target},
        {"policy",
         {{"enforcer", TextAt(spec, {"profile", "enforcer"})},
          {"mode", modeling ? "BehaviorModeling" : TextAt(policy_, {"spec", "policy", "mode"})}}}};
  }

  void KeepPolicy() {
    if (HasFinalizer(policy_, kPolicyFinalizer)) return;
    Add(PlanAction::Kind::kPatchPolicy, FinalizerPatch(policy_, kPolicyFinalizer, true));
  }

  // The ArmorProfile as it should be: what others added to it stays.
  Json ProfileObject() const {
    Json object = view_.armor_profile == nullptr
                      ? Json{{"apiVersion", kPolicyApiVersion}, {"kind", "ArmorProfile"}}
                      : *view_.armor_profile;
    Json& metadata = object["metadata"];
    metadata["name"] = draft_.profile_name;
    metadata["namespace"] = draft_.name_space;
    const Json& labels = At(policy_, {"metadata", "labels"});
    if (labels.is_object() && !labels.empty()) {
      metadata["labels"] = labels;
    } else {
      metadata.erase("labels");
    }
    if (!HasFinalizer(object, kArmorProfileFinalizer)) {
      metadata["finalizers"].push_back(kArmorProfileFinalizer);
    }
    if (IsRetiring(object)) metadata["annotations"].erase(kRetireAnnotation);
    metadata["annotations"][kPolicyModeAnnotation] = TextAt(policy_, {"spec", "policy", "mode"});
    metadata["ownerReferences"] = Json::array({{{"apiVersion", kPolicyApiVersion},
                                                {"kind", TextAt(policy_, {"kind"})},
                                                {"name", TextAt(policy_, {"metadata", "name"})},
                                                {"uid", TextAt(policy_, {"metadata", "uid"})},
                                                {"controller", true}}});
    object["spec"] = draft_.spec;
    return object;
  }

  // An agent's report of before a leader change is not at hand yet: what the status says holds.
  bool KeepOldStatus(const NodeCounts& counts, bool same_generation) const {
    const std::string phase = TextAt(old_status_, {"phase"});
    return !view_.settled && counts.pending > 0 && counts.failures.empty() && same_generation &&
           !phase.empty() && phase != "Pending";
  }

  void AcceptStatus() {
    const NodeCounts counts = CountNodes(*view_.reports, draft_.revision, *view_.agents);
    const Json& generation = At(policy_, {"metadata", "generation"});
    const Json& observed = At(old_status_, {"observedGeneration"});
    const bool same_generation = !observed.is_null() && observed == generation;
    const Json updated = ConditionOf(old_status_, "Updated");
    const bool was_refused = TextAt(updated, {"status"}) == "False";
    if (!same_generation || was_refused) ReportWarnings();
    if (KeepOldStatus(counts, same_generation && !was_refused)) return;
    std::string remarks;
    for (const PolicyProblem& problem : draft_.warnings) {
      if (problem.code != "G18") continue;
      absl::StrAppend(&remarks, remarks.empty() ? "" : "\n", ProblemText(problem));
    }
    std::vector<Condition> conditions = {{"Created", "True", "", ""}};
    const bool is_update =
        view_.armor_profile != nullptr && !observed.is_null() && !same_generation;
    if (is_update || was_refused) conditions.push_back({"Updated", "True", "", ""});
    conditions.push_back(
        ReadyCondition(counts, ArmorProfileKey(draft_.name_space, draft_.profile_name), remarks));
    Json status = StatusWithCounts(counts);
    status["phase"] = PhaseOf(counts);
    status["observedGeneration"] = generation;
    WriteStatus(std::move(status), conditions);
    WriteProfileStatus(counts);
  }

  void RefuseCreation(const std::vector<PolicyProblem>& problems) {
    Json status = old_status_;
    status["profileName"] = draft_.profile_name;
    status["ready"] = false;
    status["phase"] = "Error";
    Refuse("Created", problems, std::move(status), {});
  }

  void RefuseUpdate(const std::vector<PolicyProblem>& problems) {
    const Json& profile = *view_.armor_profile;
    const std::string name = TextAt(profile, {"metadata", "name"});
    const std::string key = ArmorProfileKey(TextAt(profile, {"metadata", "namespace"}), name);
    const NodeCounts counts =
        CountNodes(*view_.reports, ArmorProfileRevision(At(profile, {"spec"})), *view_.agents);
    const bool keep = KeepOldStatus(counts, true);
    Json status = keep ? old_status_ : StatusWithCounts(counts);
    status["profileName"] = name;
    status["phase"] = "Error";
    std::vector<Condition> others;
    if (!keep) others.push_back(ReadyCondition(counts, key, ""));
    Refuse("Updated", problems, std::move(status), others);
    if (!keep) WriteProfileStatus(counts);
  }

  void Refuse(const char* type, const std::vector<PolicyProblem>& problems, Json status,
              std::vector<Condition> conditions) {
    const std::string reason = ReasonOf(problems);
    const std::string text = ProblemsText(problems);
    const Json old = ConditionOf(old_status_, type);
    conditions.insert(conditions.begin(), {type, "False", reason, text});
    const size_t before = plan_.actions.size();
    WriteStatus(std::move(status), conditions);
    if (plan_.actions.size() == before) return;
    const Json now = ConditionOf(At(plan_.actions.back().body, {"status"}), type);
    const bool news =
        TextAt(old, {"status"}) != "False" || TextAt(old, {"message"}) != TextAt(now, {"message"});
    if (news) Event("Warning", "PolicyRefused", text);
  }

  Json StatusWithCounts(const NodeCounts& counts) const {
    Json status = old_status_;
    status["profileName"] = draft_.profile_name;
    status["ready"] = counts.all_loaded();
    status["desiredNodes"] = counts.desired;
    status["loadedNodes"] = counts.loaded;
    status["failedNodes"] = counts.failed();
    if (view_.violations != nullptr) {
      const NodeViolations& counted = *view_.violations;
      Json violations = {{"total", counted.denied + counted.allowed},
                         {"denied", counted.denied},
                         {"allowed", counted.allowed}};
      if (!counted.last.empty()) violations["lastTime"] = counted.last;
      status["violations"] = std::move(violations);
    }
    return status;
  }

  void WriteStatus(Json status, const std::vector<Condition>& conditions) {
    status["conditions"] = MergeConditions(At(old_status_, {"conditions"}), conditions, view_.now);
    if (status == old_status_) return;
    Add(PlanAction::Kind::kPatchPolicyStatus, {{"status", std::move(status)}});
  }

  void WriteProfileStatus(const NodeCounts& counts) {
    static const Json* const none = new Json();
    const Json& old = view_.armor_profile == nullptr ? *none : At(*view_.armor_profile, {"status"});
    Json status = ArmorProfileStatusJson(counts, old, view_.now);
    // In a merge patch an absent member would stay.
    const bool had = !At(old, {"conditions"}).is_null();
    if (status == old) return;
    if (had && !status.contains("conditions")) status["conditions"] = nullptr;
    Add(PlanAction::Kind::kPatchProfileStatus, {{"status", std::move(status)}});
  }

  void ReportWarnings() {
    if (!draft_.warnings.empty()) Event("Warning", "PolicyWarning", ProblemsText(draft_.warnings));
  }

  void Event(const char* type, const char* reason, const std::string& message) {
    Add(PlanAction::Kind::kEvent, {{"type", type}, {"reason", reason}, {"message", message}});
  }

  void PlanDeletion() {
    if (!HasFinalizer(policy_, kPolicyFinalizer)) return;
    if (!IsOurs()) {
      Add(PlanAction::Kind::kPatchPolicy, FinalizerPatch(policy_, kPolicyFinalizer, false));
      return;
    }
    const Json& profile = *view_.armor_profile;
    if (!IsRetiring(profile)) Add(PlanAction::Kind::kPatchProfile, RetirePatch());
    const NodeCounts counts =
        CountNodes(*view_.reports, ArmorProfileRevision(At(profile, {"spec"})), *view_.agents);
    const absl::Duration left = DeletionTime(policy_) + view_.retire_timeout - view_.now;
    const bool done = IsRetiring(profile) && counts.retired >= counts.desired;
    if (!done && left > absl::ZeroDuration()) {
      WriteStatus(
          old_status_.empty() ? Json{{"profileName", draft_.profile_name}, {"ready", false}}
                              : old_status_,
          {{"Deleting", "True", "Retiring",
            absl::StrCat("waiting until no container uses the profile on ",
                         counts.desired - counts.retired, " of ", counts.desired, " nodes")}});
      plan_.again = left;
      return;
    }
    // Without its finalizer it goes with the policy, or at once where somebody deleted it already.
    Add(PlanAction::Kind::kPatchProfile,
        FinalizerPatch(IsRetiring(profile) ? profile : WithoutVersion(profile),
                       kArmorProfileFinalizer, false));
    Add(PlanAction::Kind::kDeleteProfile, nullptr);
    Add(PlanAction::Kind::kPatchPolicy, FinalizerPatch(policy_, kPolicyFinalizer, false));
  }

  // The patch before has changed it.
  static Json WithoutVersion(Json object) {
    object["metadata"].erase("resourceVersion");
    return object;
  }

  const PolicyView& view_;
  const Json& policy_;
  const ProfileDraft& draft_;
  const Json old_status_;
  PolicyPlan plan_;
};

}  // namespace

absl::StatusOr<ProfileDraft> DraftProfile(const Json& policy, const PolicyFeatures& features,
                                          const BehaviorModel* model, const ClusterFacts* cluster,
                                          const Catalogue& catalogue) {
  absl::StatusOr<PolicyCheck> checked = CheckPolicy(policy, features, model, cluster, catalogue);
  if (!checked.ok()) return checked.status();
  PolicyCheck& check = *checked;
  CompileResult& result = check.result;
  ProfileDraft draft;
  draft.errors = std::move(check.errors);
  draft.warnings = std::move(check.warnings);
  const bool cluster_wide = TextAt(policy, {"kind"}) == kClusterPolicyKind;
  draft.name_space =
      cluster_wide ? features.install_namespace : TextAt(policy, {"metadata", "namespace"});
  draft.profile_name = result.profile_name;
  draft.needs_model = NeedsModel(policy);
  if (!draft.errors.empty()) return draft;

  ArmorProfileSpec spec;
  spec.target = At(policy, {"spec", "target"});
  spec.profile_name = result.profile_name;
  spec.mode = result.mode;
  EnforcerSet enforcers;
  if (result.app_armor.has_value()) {
    enforcers.app_armor = true;
    *spec.artifacts.mutable_app_armor() = *std::move(result.app_armor);
  }
  if (result.bpf.has_value()) {
    enforcers.bpf = true;
    for (const EgressWatch& watch : result.bpf->egress_watches()) {
      (watch.pods() ? draft.follows_pods : draft.follows_services) = true;
    }
    *spec.artifacts.mutable_bpf() = *std::move(result.bpf);
  }
  if (result.seccomp.has_value()) {
    enforcers.seccomp = true;
    *spec.artifacts.mutable_seccomp() = *std::move(result.seccomp);
  }
  spec.enforcer = EnforcerSetName(enforcers);
  spec.update_existing_workloads = At(policy, {"spec", "updateExistingWorkloads"}) == true;
  absl::StatusOr<Json> json = ArmorProfileSpecJson(spec);
  if (json.ok()) {
    draft.spec = *std::move(json);
    draft.revision = ArmorProfileRevision(draft.spec);
  } else {
    draft.errors.push_back({"G9", std::string(json.status().message())});
  }
  return draft;
}

std::string PlanActionName(PlanAction::Kind kind) {
  switch (kind) {
    case PlanAction::Kind::kPatchPolicy:
      return "PatchPolicy";
    case PlanAction::Kind::kPatchPolicyStatus:
      return "PatchPolicyStatus";
    case PlanAction::Kind::kCreateProfile:
      return "CreateProfile";
    case PlanAction::Kind::kUpdateProfile:
      return "UpdateProfile";
    case PlanAction::Kind::kPatchProfile:
      return "PatchProfile";
    case PlanAction::Kind::kPatchProfileStatus:
      return "PatchProfileStatus";
    case PlanAction::Kind::kDeleteProfile:
      return "DeleteProfile";
    case PlanAction::Kind::kEvent:
      return "Event";
  }
  return "";
}

PolicyPlan PlanPolicy(const PolicyView& view) { return PolicyPlanner(view).Plan(); }

PolicyPlan PlanOrphan(const Json& armor_profile, const ProfileReports& reports,
                      const AgentNodes& agents, absl::Duration retire_timeout, absl::Time now) {
  PolicyPlan plan;
  const auto add = [&](PlanAction::Kind kind, Json body) {
    plan.actions.push_back({kind, std::move(body)});
  };
  if (!IsRetiring(armor_profile)) add(PlanAction::Kind::kPatchProfile, RetirePatch());
  if (!IsDeleting(armor_profile)) {
    add(PlanAction::Kind::kDeleteProfile, nullptr);
    plan.again = absl::Seconds(1);
    return plan;
  }
  const NodeCounts counts =
      CountNodes(reports, ArmorProfileRevision(At(armor_profile, {"spec"})), agents);
  const absl::Duration left = DeletionTime(armor_profile) + retire_timeout - now;
  const bool done = IsRetiring(armor_profile) && counts.retired >= counts.desired;
  if (!done && left > absl::ZeroDuration()) {
    plan.again = left;
  } else if (HasFinalizer(armor_profile, kArmorProfileFinalizer)) {
    Json object = armor_profile;
    if (!plan.actions.empty()) object["metadata"].erase("resourceVersion");
    add(PlanAction::Kind::kPatchProfile, FinalizerPatch(object, kArmorProfileFinalizer, false));
  }
  return plan;
}

}  // namespace varmor
