#include "runtime/manager/policy_controller.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/compiler/policy/profile_name.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/kube/kube_object.h"
#include "runtime/protocol/armor_profile.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

constexpr char kPolicyKind[] = "VarmorPolicy";
constexpr char kOrphanKey[] = "ArmorProfile";

// Between two writes of a policy's violations.
constexpr absl::Duration kViolationsPeriod = absl::Minutes(5);
// Of a node, after which three of its reports are missing.
constexpr absl::Duration kSilence = absl::Minutes(4);
// Between two steps of a rollout.
constexpr absl::Duration kRolloutPeriod = absl::Seconds(5);
constexpr char kWorkloadsCondition[] = "WorkloadsUpdated";
// An ArmorProfile may be seen before its policy.
constexpr absl::Duration kOrphanDelay = absl::Seconds(2);

bool IsClusterWide(const Json& policy) { return TextAt(policy, {"kind"}) == kClusterPolicyKind; }

// "VarmorPolicy/shop/web", "VarmorClusterPolicy//web".
std::string KeyOf(const Json& object) {
  return absl::StrCat(TextAt(object, {"kind"}), "/", ObjectKey(object));
}

bool IsDeleting(const Json& object) {
  return FieldAt(object, {"metadata", "deletionTimestamp"}) != nullptr;
}

ArmorProfileOwner OwnerReference(const Json& profile) {
  const Json* owners = FieldAt(profile, {"metadata", "ownerReferences"});
  if (owners == nullptr || !owners->is_array()) return {};
  for (const Json& owner : *owners) {
    const Json* controller = FieldAt(owner, {"controller"});
    if (controller == nullptr || *controller != true) continue;
    return {TextAt(owner, {"kind"}), TextAt(owner, {"name"}), TextAt(owner, {"uid"})};
  }
  return {};
}

bool SameViolations(const NodeViolations& violations, const Json* written) {
  return written != nullptr && NumberAt(*written, {"denied"}).value_or(-1) == violations.denied &&
         NumberAt(*written, {"allowed"}).value_or(-1) == violations.allowed;
}

std::string UidOf(const Json& object) { return TextAt(object, {"metadata", "uid"}); }

std::string RevisionOf(const Json& profile) {
  const Json* spec = FieldAt(profile, {"spec"});
  return ArmorProfileRevision(spec == nullptr ? Json() : *spec);
}

}  // namespace

PolicyController::PolicyController(PolicyControllerOptions options, KubeClient& client,
                                   const Catalogue& catalogue, Metrics& metrics, Logger& logger,
                                   Enqueue enqueue)
    : options_(std::move(options)),
      client_(client),
      catalogue_(catalogue),
      logger_(logger),
      enqueue_(std::move(enqueue)),
      events_(client, logger, options_.clock),
      restarter_(options_.restarts, client, logger, options_.may_write, options_.clock),
      reports_([this](const std::string& key, const ReportTotals& before,
                      const ReportTotals& after) { ReportsChanged(key, before, after); },
               options_.clock),
      ready_(metrics.AddGauge("varmor_policy_ready", "1 when every node loaded the policy.",
                              {"kind", "namespace", "name"})),
      nodes_(metrics.AddGauge("varmor_policy_nodes", "Nodes by how they stand to the policy.",
                              {"kind", "namespace", "name", "state"})),
      writes_(metrics.AddCounter("varmor_plan_actions_total",
                                 "What was done for policies and their ArmorProfiles.",
                                 {"action"})) {}

void PolicyController::PolicyChanged(const Json& object) {
  ObjectCache& cache = IsClusterWide(object) ? cluster_policies_ : policies_;
  if (cache.Set(object)) enqueue_(KeyOf(object), absl::ZeroDuration());
}

void PolicyController::PolicyGone(const Json& object) {
  ObjectCache& cache = IsClusterWide(object) ? cluster_policies_ : policies_;
  cache.Remove(object);
  const std::string uid = TextAt(object, {"metadata", "uid"});
  enqueue_(KeyOf(object), absl::ZeroDuration());
  for (const ObjectPointer& profile : profiles_.All()) {
    if (OwnerReference(*profile).uid == uid) {
      enqueue_(absl::StrCat(kOrphanKey, "/", ObjectKey(*profile)), kOrphanDelay);
    }
  }
}

void PolicyController::ProfileChanged(const Json& object) {
  if (!profiles_.Set(object)) return;
  reports_.SetProfile(ObjectKey(object), RevisionOf(object), UidOf(object));
  const ObjectPointer owner = OwnerOf(object);
  enqueue_(KeyOfOwner(object), owner == nullptr ? kOrphanDelay : absl::ZeroDuration());
}

void PolicyController::ProfileGone(const Json& object) {
  profiles_.Remove(object);
  reports_.RemoveProfile(ObjectKey(object), UidOf(object));
  EnqueueNamed(TextAt(object, {"metadata", "name"}));
}

// Who has the profile, or waits for its name.
void PolicyController::EnqueueNamed(const std::string& profile_name) {
  std::vector<std::string> keys;
  {
    MutexLock lock(&mutex_);
    for (const auto& [key, draft] : drafts_) {
      if (draft.draft->profile_name == profile_name) keys.push_back(key);
    }
  }
  for (const std::string& key : keys) enqueue_(key, absl::ZeroDuration());
}

void PolicyController::AgentPodChanged(const Json& object) {
  if (fleet_.PodChanged(object)) EnqueueAll(Window());
}

void PolicyController::AgentPodGone(const Json& object) {
  std::string left;
  if (!fleet_.PodGone(object, left)) return;
  if (!left.empty()) reports_.RemoveNode(left);
  EnqueueAll(Window());
}

void PolicyController::AgentDaemonSetChanged(const Json& object) {
  if (fleet_.DaemonSetChanged(object)) EnqueueAll(Window());
}

void PolicyController::NodeChanged(const Json& object) {
  if (fleet_.NodeChanged(object)) EnqueueAll(Window());
}

void PolicyController::NodeGone(const Json& object) {
  if (fleet_.NodeGone(object)) EnqueueAll(Window());
}

void PolicyController::ModelChanged(const Json& object) {
  std::vector<std::string> keys;
  {
    MutexLock lock(&mutex_);
    for (auto it = drafts_.begin(); it != drafts_.end();) {
      const ProfileDraft& draft = *it->second.draft;
      if (draft.needs_model &&
          ArmorProfileKey(draft.name_space, draft.profile_name) == ObjectKey(object)) {
        keys.push_back(it->first);
        it = drafts_.erase(it);
      } else {
        ++it;
      }
    }
  }
  for (const std::string& key : keys) enqueue_(key, absl::ZeroDuration());
}

void PolicyController::ClusterChanged() {
  std::vector<std::string> keys;
  {
    MutexLock lock(&mutex_);
    for (auto it = drafts_.begin(); it != drafts_.end();) {
      const ProfileDraft& draft = *it->second.draft;
      if (draft.follows_services || draft.follows_pods) {
        keys.push_back(it->first);
        it = drafts_.erase(it);
      } else {
        ++it;
      }
    }
  }
  for (const std::string& key : keys) enqueue_(key, absl::ZeroDuration());
}

void PolicyController::Start() {
  {
    MutexLock lock(&mutex_);
    settled_ = options_.clock() + options_.settle_time;
  }
  EnqueueAll(absl::ZeroDuration());
  for (const ObjectPointer& profile : profiles_.All()) {
    if (OwnerOf(*profile) == nullptr) enqueue_(KeyOfOwner(*profile), kOrphanDelay);
  }
}

void PolicyController::ExpireReports() { reports_.Expire(options_.clock() - kSilence); }

std::vector<ObjectPointer> PolicyController::Policies() const {
  std::vector<ObjectPointer> all = cluster_policies_.All();
  const std::vector<ObjectPointer> namespaced = policies_.All();
  all.insert(all.end(), namespaced.begin(), namespaced.end());
  return all;
}

void PolicyController::EnqueueAll(absl::Duration after) {
  for (const ObjectPointer& policy : Policies()) enqueue_(KeyOf(*policy), after);
}

void PolicyController::ReportsChanged(const std::string& key, const ReportTotals& before,
                                      const ReportTotals& after) {
  const ObjectPointer profile = profiles_.Get(key);
  if (profile == nullptr) return;
  const int desired = fleet_.Nodes()->desired;
  // What people wait for is told at once.
  const bool complete = before.loaded < desired && after.loaded >= desired;
  const bool broken = before.failed == 0 && after.failed > 0;
  enqueue_(KeyOfOwner(*profile), complete || broken ? absl::ZeroDuration() : Window());
}

ObjectPointer PolicyController::OwnerOf(const Json& profile) const {
  const ArmorProfileOwner owner = OwnerReference(profile);
  ObjectPointer policy;
  if (owner.kind == kClusterPolicyKind) policy = cluster_policies_.Get("/" + owner.name);
  if (owner.kind == kPolicyKind) {
    policy =
        policies_.Get(absl::StrCat(TextAt(profile, {"metadata", "namespace"}), "/", owner.name));
  }
  if (policy == nullptr || TextAt(*policy, {"metadata", "uid"}) != owner.uid) return nullptr;
  return policy;
}

std::string PolicyController::KeyOfOwner(const Json& profile) const {
  const ObjectPointer owner = OwnerOf(profile);
  if (owner != nullptr) return KeyOf(*owner);
  return absl::StrCat(kOrphanKey, "/", ObjectKey(profile));
}

absl::Duration PolicyController::Window() const {
  if (options_.status_window > absl::ZeroDuration()) return options_.status_window;
  const int nodes = fleet_.size();
  if (nodes < 100) return absl::Seconds(2);
  if (nodes < 1000) return absl::Seconds(5);
  if (nodes < 5000) return absl::Seconds(10);
  return nodes < 8000 ? absl::Seconds(20) : absl::Seconds(30);
}

absl::Duration PolicyController::TimeToSettle() const {
  MutexLock lock(&mutex_);
  return settled_ - options_.clock();
}

absl::StatusOr<absl::Duration> PolicyController::Reconcile(const std::string& key) {
  const std::vector<std::string> parts = absl::StrSplit(key, absl::MaxSplits('/', 1));
  if (parts[0] == kOrphanKey) {
    const ObjectPointer profile = profiles_.Get(parts[1]);
    if (profile == nullptr || OwnerOf(*profile) != nullptr) return absl::InfiniteDuration();
    return ReconcileOrphan(*profile);
  }
  const ObjectPointer policy = PolicyOf(key);
  if (policy == nullptr) {
    Forget(key);
    return absl::InfiniteDuration();
  }
  return ReconcilePolicy(key, *policy);
}

ObjectPointer PolicyController::PolicyOf(const std::string& key) const {
  const std::vector<std::string> parts = absl::StrSplit(key, absl::MaxSplits('/', 1));
  if (parts[0] == kClusterPolicyKind) return cluster_policies_.Get(parts[1]);
  return parts[0] == kPolicyKind ? policies_.Get(parts[1]) : nullptr;
}

void PolicyController::TellRetries(const std::string& key, const absl::Status& failure) {
  const ObjectPointer policy = PolicyOf(key);
  if (policy == nullptr || !options_.may_write()) return;
  events_.Record(key, *policy, "Warning", "SyncRetry",
                 absl::StrCat("what the policy says is not carried out yet, and is tried again: ",
                              failure.message()));
}

absl::StatusOr<std::shared_ptr<const ProfileDraft>> PolicyController::DraftOf(
    const std::string& key, const Json& policy) {
  const std::string uid = TextAt(policy, {"metadata", "uid"});
  const int64_t generation = NumberAt(policy, {"metadata", "generation"}).value_or(0);
  {
    MutexLock lock(&mutex_);
    const auto found = drafts_.find(key);
    if (found != drafts_.end() && found->second.uid == uid &&
        found->second.generation == generation) {
      return found->second.draft;
    }
  }
  const std::shared_ptr<const ClusterFacts> cluster =
      options_.cluster == nullptr ? nullptr : options_.cluster();
  VARMOR_ASSIGN_OR_RETURN(ProfileDraft draft, DraftProfile(policy, options_.features, nullptr,
                                                           cluster.get(), catalogue_));
  if (draft.needs_model && options_.find_model != nullptr) {
    const std::shared_ptr<const BehaviorModel> model =
        options_.find_model(draft.name_space, draft.profile_name);
    if (model != nullptr) {
      VARMOR_ASSIGN_OR_RETURN(
          draft, DraftProfile(policy, options_.features, model.get(), cluster.get(), catalogue_));
    }
  }
  auto result = std::make_shared<const ProfileDraft>(std::move(draft));
  MutexLock lock(&mutex_);
  Draft& kept = drafts_[key];
  kept.uid = uid;
  kept.generation = generation;
  kept.draft = result;
  return result;
}

absl::Duration PolicyController::TimeToViolations(const std::string& key) {
  MutexLock lock(&mutex_);
  const auto found = drafts_.find(key);
  if (found == drafts_.end()) return kViolationsPeriod;
  const absl::Time now = options_.clock();
  if (now < found->second.violations_due) return found->second.violations_due - now;
  found->second.violations_due = now + kViolationsPeriod;
  return absl::ZeroDuration();
}

void PolicyController::RefuseDraft(const std::string& key, const absl::Status& status) {
  MutexLock lock(&mutex_);
  const auto found = drafts_.find(key);
  if (found == drafts_.end()) return;
  auto refused = std::make_shared<ProfileDraft>(*found->second.draft);
  refused->spec = nullptr;
  refused->errors.push_back(
      {"G9",
       absl::StrCat("the compiled profile is too large for the API server: ", status.message())});
  found->second.draft = std::move(refused);
}

std::string PolicyController::TakerOfName(const std::string& key, const ProfileDraft& draft) {
  const std::string own = ArmorProfileKey(draft.name_space, draft.profile_name);
  for (const ObjectPointer& profile : profiles_.Named(draft.profile_name)) {
    if (ObjectKey(*profile) != own) return ObjectKey(*profile);
  }
  if (!draft.errors.empty()) return "";
  MutexLock lock(&mutex_);
  std::string& holder = claims_.emplace(draft.profile_name, key).first->second;
  if (holder == key) return "";
  // Two policies at once: the ArmorProfile of the first is not there yet.
  const auto other = drafts_.find(holder);
  if (other == drafts_.end() || !other->second.draft->errors.empty()) {
    holder = key;
    return "";
  }
  return ArmorProfileKey(other->second.draft->name_space, draft.profile_name);
}

absl::StatusOr<absl::Duration> PolicyController::ReconcilePolicy(const std::string& key,
                                                                 const Json& policy) {
  VARMOR_ASSIGN_OR_RETURN(const std::shared_ptr<const ProfileDraft> draft, DraftOf(key, policy));
  const std::string profile_key = ArmorProfileKey(draft->name_space, draft->profile_name);
  const ObjectPointer profile = profiles_.Get(profile_key);
  const ProfileReports reports = reports_.Get(profile_key);
  const std::shared_ptr<const AgentNodes> agents = fleet_.Nodes();
  const absl::Duration to_settle = TimeToSettle();
  PolicyView view;
  view.policy = &policy;
  view.draft = draft.get();
  view.armor_profile = profile.get();
  view.owner_exists = profile != nullptr && OwnerOf(*profile) != nullptr;
  if (!draft->profile_name.empty()) view.same_name = TakerOfName(key, *draft);
  view.reports = &reports;
  view.agents = agents.get();
  view.settled = to_settle <= absl::ZeroDuration();
  const NodeViolations violations = reports_.Violations(profile_key);
  const Json* written = FieldAt(policy, {"status", "violations"});
  // A new leader hears of them one node after the other.
  const bool has_news = view.settled &&
                        (violations.denied + violations.allowed > 0 || written != nullptr) &&
                        !SameViolations(violations, written);
  absl::Duration to_violations = absl::InfiniteDuration();
  if (has_news) {
    to_violations = TimeToViolations(key);
    if (to_violations == absl::ZeroDuration()) {
      view.violations = &violations;
      to_violations = absl::InfiniteDuration();
    }
  }
  view.retire_timeout = options_.retire_timeout;
  view.now = options_.clock();
  const PolicyPlan plan = PlanPolicy(view);
  PlanAction::Kind failed = PlanAction::Kind::kEvent;
  absl::StatusOr<absl::Duration> again =
      CarryOut(key, &policy, draft->name_space, draft->profile_name, plan, &failed);
  if (!again.ok() && absl::IsResourceExhausted(again.status()) &&
      (failed == PlanAction::Kind::kCreateProfile || failed == PlanAction::Kind::kUpdateProfile)) {
    RefuseDraft(key, again.status());
    return absl::ZeroDuration();
  }
  if (!again.ok()) return again;
  Measure(policy);
  if (!view.settled) again = std::min(*again, to_settle);
  again = std::min(*again, to_violations);
  VARMOR_ASSIGN_OR_RETURN(const absl::Duration restart, RestartWorkloads(policy, *draft));
  return std::min(*again, restart);
}

absl::Status PolicyController::ReportRollout(const Json& policy, const Rollout& rollout) {
  const bool cluster_wide = IsClusterWide(policy);
  ObjectCache& cache = cluster_wide ? cluster_policies_ : policies_;
  const ObjectPointer newest = cache.Get(ObjectKey(policy));
  if (newest == nullptr) return absl::OkStatus();
  std::string message =
      absl::StrCat(rollout.done, " of ", rollout.total, " workloads run with the profile");
  for (const std::string& skipped : rollout.skipped) absl::StrAppend(&message, "\n", skipped);
  const Json* old = FieldAt(*newest, {"status", "conditions"});
  const Json before = old == nullptr ? Json::array() : *old;
  const Json conditions =
      MergeConditions(before,
                      {{kWorkloadsCondition, rollout.finished() ? "True" : "False",
                        rollout.finished() ? "Restarted" : "Restarting", std::move(message)}},
                      options_.clock());
  if (conditions == before) return absl::OkStatus();
  const absl::StatusOr<Json> patched =
      client_.Patch(cluster_wide ? kVarmorClusterPolicies : kVarmorPolicies,
                    TextAt(policy, {"metadata", "namespace"}), TextAt(policy, {"metadata", "name"}),
                    KubePatch::kMerge, {{"status", {{"conditions", conditions}}}}, "status");
  if (absl::IsNotFound(patched.status())) return absl::OkStatus();
  if (patched.ok()) cache.Set(*patched);
  return patched.status();
}

absl::StatusOr<absl::Duration> PolicyController::RestartWorkloads(const Json& policy,
                                                                  const ProfileDraft& draft) {
  const Json* wanted = FieldAt(policy, {"spec", "updateExistingWorkloads"});
  if (!options_.restart_workloads || wanted == nullptr || *wanted != true ||
      TextAt(policy, {"spec", "target", "kind"}) == "Pod" || draft.profile_name.empty()) {
    return absl::InfiniteDuration();
  }
  const bool release = IsDeleting(policy);
  if (!release) {
    const ObjectPointer newest =
        (IsClusterWide(policy) ? cluster_policies_ : policies_).Get(ObjectKey(policy));
    if (newest == nullptr || TextAt(*newest, {"status", "phase"}) != "Protecting") {
      return absl::InfiniteDuration();
    }
    const Json* conditions = FieldAt(*newest, {"status", "conditions"});
    for (const Json& condition : conditions == nullptr ? Json::array() : *conditions) {
      const bool done = TextAt(condition, {"type"}) == kWorkloadsCondition &&
                        TextAt(condition, {"status"}) == "True";
      if (done) return absl::InfiniteDuration();
    }
  }
  // What the webhook knows may be a moment behind.
  if (!release && !restarter_.Knows(draft.profile_name)) return kRolloutPeriod;
  const absl::StatusOr<Rollout> rollout = restarter_.Step(policy, draft.profile_name, release);
  if (!rollout.ok()) return rollout.status();
  if (!rollout->updates.empty()) writes_.Add({"RestartWorkload"}, rollout->updates.size());
  if (!release) VARMOR_RETURN_IF_ERROR(ReportRollout(policy, *rollout));
  return rollout->finished() ? absl::InfiniteDuration() : kRolloutPeriod;
}

absl::StatusOr<absl::Duration> PolicyController::ReconcileOrphan(const Json& profile) {
  const ArmorProfileOwner owner = OwnerReference(profile);
  // Not made by a manager.
  if (owner.kind != kPolicyKind && owner.kind != kClusterPolicyKind) {
    return absl::InfiniteDuration();
  }
  const bool cluster_wide = owner.kind == kClusterPolicyKind;
  const std::string name_space = TextAt(profile, {"metadata", "namespace"});
  // The watch may be behind.
  const absl::StatusOr<Json> policy =
      client_.Get(cluster_wide ? kVarmorClusterPolicies : kVarmorPolicies,
                  cluster_wide ? "" : name_space, owner.name);
  if (policy.ok() && TextAt(*policy, {"metadata", "uid"}) == owner.uid) {
    return absl::InfiniteDuration();
  }
  if (!policy.ok() && !absl::IsNotFound(policy.status())) return policy.status();
  const std::string key = ObjectKey(profile);
  const PolicyPlan plan = PlanOrphan(profile, reports_.Get(key), *fleet_.Nodes(),
                                     options_.retire_timeout, options_.clock());
  return CarryOut(absl::StrCat(kOrphanKey, "/", key), nullptr, name_space,
                  TextAt(profile, {"metadata", "name"}), plan);
}

absl::StatusOr<absl::Duration> PolicyController::CarryOut(
    const std::string& key, const Json* policy, const std::string& name_space,
    const std::string& name, const PolicyPlan& plan, PlanAction::Kind* failed) {
  for (const PlanAction& action : plan.actions) {
    if (!options_.may_write()) {
      return absl::FailedPreconditionError("this manager is not the leader (any more)");
    }
    const absl::Status status = CarryOut(policy, name_space, name, action);
    if (!status.ok()) {
      if (failed != nullptr) *failed = action.kind;
      return absl::Status(status.code(), absl::StrCat(PlanActionName(action.kind), " for ", key,
                                                      ": ", status.message()));
    }
    writes_.Add({PlanActionName(action.kind)});
  }
  return plan.again;
}

absl::Status PolicyController::CarryOut(const Json* policy, const std::string& name_space,
                                        const std::string& name, const PlanAction& action) {
  const bool cluster_wide = policy != nullptr && IsClusterWide(*policy);
  const KubeResource& resource = cluster_wide ? kVarmorClusterPolicies : kVarmorPolicies;
  ObjectCache& policies = cluster_wide ? cluster_policies_ : policies_;
  const auto patch_policy = [&](absl::string_view subresource) {
    const absl::StatusOr<Json> patched = client_.Patch(
        resource, TextAt(*policy, {"metadata", "namespace"}), TextAt(*policy, {"metadata", "name"}),
        KubePatch::kMerge, action.body, subresource);
    // It went meanwhile; the watch will say so.
    if (absl::IsNotFound(patched.status())) return absl::OkStatus();
    if (patched.ok()) policies.Set(*patched);
    return patched.status();
  };
  const auto keep_profile = [&](const absl::StatusOr<Json>& profile) {
    if (!profile.ok()) return profile.status();
    if (profiles_.Set(*profile)) {
      reports_.SetProfile(ObjectKey(*profile), RevisionOf(*profile), UidOf(*profile));
    }
    return absl::OkStatus();
  };
  const auto patch_profile = [&](absl::string_view subresource) {
    const absl::StatusOr<Json> patched = client_.Patch(kArmorProfiles, name_space, name,
                                                       KubePatch::kMerge, action.body, subresource);
    if (absl::IsNotFound(patched.status())) return absl::OkStatus();
    return keep_profile(patched);
  };
  switch (action.kind) {
    case PlanAction::Kind::kPatchPolicy:
      return patch_policy("");
    case PlanAction::Kind::kPatchPolicyStatus:
      return patch_policy("status");
    case PlanAction::Kind::kCreateProfile: {
      // An agent may report it before the answer is here.
      const std::string profile = ArmorProfileKey(name_space, name);
      reports_.SetProfile(profile, RevisionOf(action.body), "");
      const absl::Status created =
          keep_profile(client_.Create(kArmorProfiles, name_space, action.body));
      if (profiles_.Get(profile) == nullptr) reports_.RemoveProfile(profile, "");
      if (!reports_.Get(profile).empty()) enqueue_(KeyOf(*policy), absl::ZeroDuration());
      return created;
    }
    case PlanAction::Kind::kUpdateProfile:
      return keep_profile(client_.Update(kArmorProfiles, action.body));
    case PlanAction::Kind::kPatchProfile:
      return patch_profile("");
    case PlanAction::Kind::kPatchProfileStatus:
      return patch_profile("status");
    case PlanAction::Kind::kDeleteProfile: {
      const absl::Status status = client_.Delete(kArmorProfiles, name_space, name);
      return absl::IsNotFound(status) ? absl::OkStatus() : status;
    }
    case PlanAction::Kind::kEvent:
      events_.Record(KeyOf(*policy), *policy, TextAt(action.body, {"type"}),
                     TextAt(action.body, {"reason"}), TextAt(action.body, {"message"}));
      return absl::OkStatus();
  }
  return absl::InternalError("unknown action");
}

void PolicyController::Forget(const std::string& key) {
  std::vector<std::string> free_names;
  {
    MutexLock lock(&mutex_);
    drafts_.erase(key);
    for (auto it = claims_.begin(); it != claims_.end();) {
      if (it->second == key) {
        free_names.push_back(it->first);
        it = claims_.erase(it);
      } else {
        ++it;
      }
    }
  }
  events_.Forget(key);
  for (const std::string& name : free_names) EnqueueNamed(name);
  const std::vector<std::string> parts = absl::StrSplit(key, '/');
  const auto of_policy = [&](const LabelValues& values) {
    return values[0] == parts[0] && values[1] == parts[1] && values[2] == parts[2];
  };
  ready_.RemoveIf(of_policy);
  nodes_.RemoveIf(of_policy);
}

void PolicyController::Measure(const Json& policy) {
  const std::string kind = TextAt(policy, {"kind"});
  const std::string name_space = TextAt(policy, {"metadata", "namespace"});
  const std::string name = TextAt(policy, {"metadata", "name"});
  const ObjectCache& cache = IsClusterWide(policy) ? cluster_policies_ : policies_;
  const ObjectPointer newest = cache.Get(ObjectKey(policy));
  if (newest == nullptr) return;
  const Json* ready = FieldAt(*newest, {"status", "ready"});
  ready_.Set({kind, name_space, name}, ready != nullptr && *ready == true ? 1 : 0);
  const auto count = [&](const char* key) {
    return static_cast<double>(NumberAt(*newest, {"status", key}).value_or(0));
  };
  const double desired = count("desiredNodes");
  const double loaded = count("loadedNodes");
  const double failed = count("failedNodes");
  nodes_.Set({kind, name_space, name, "desired"}, desired);
  nodes_.Set({kind, name_space, name, "loaded"}, loaded);
  nodes_.Set({kind, name_space, name, "failed"}, failed);
  nodes_.Set({kind, name_space, name, "pending"}, std::max(0.0, desired - loaded - failed));
}

}  // namespace varmor
