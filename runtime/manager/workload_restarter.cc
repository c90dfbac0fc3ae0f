#include "runtime/manager/workload_restarter.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/kube/kube_object.h"
#include "runtime/manager/object_cache.h"

namespace varmor {
namespace {

const KubeResource& ResourceOf(const std::string& kind) {
  if (kind == "Deployment") return kDeployments;
  return kind == "StatefulSet" ? kStatefulSets : kDaemonSets;
}

}  // namespace

bool WorkloadRestarter::Knows(const std::string& profile_name) const {
  const std::shared_ptr<const WorkloadPolicies> policies = options_.policies();
  return policies != nullptr && policies->OwnerOf(profile_name) != nullptr;
}

absl::StatusOr<std::vector<Json>> WorkloadRestarter::WorkloadsOf(const Json& policy,
                                                                 RolloutView& view) {
  const std::string kind = TextAt(policy, {"spec", "target", "kind"});
  KubeListOptions list;
  list.name_space = TextAt(policy, {"metadata", "namespace"});
  list.label_selector = options_.match_label;
  const std::string name = TextAt(policy, {"spec", "target", "name"});
  if (!name.empty()) list.field_selector = absl::StrCat("metadata.name=", name);
  VARMOR_ASSIGN_OR_RETURN(const KubeList found, client_.List(ResourceOf(kind), list));
  const std::shared_ptr<const WorkloadPolicies> policies = options_.policies();
  std::vector<Json> workloads;
  for (Json workload : found.items) {
    const std::string name_space = TextAt(workload, {"metadata", "namespace"});
    // Where the webhook is not asked either.
    if (name_space == "kube-system" || name_space == options_.install_namespace) continue;
    workload["apiVersion"] = "apps/v1";
    workload["kind"] = kind;
    if (!view.release) {
      const Json* labels = FieldAt(workload, {"metadata", "labels"});
      const std::vector<const WorkloadPolicy*> matching =
          policies->Match(kind, name_space, TextAt(workload, {"metadata", "name"}),
                          labels == nullptr ? Json() : *labels);
      // Another policy comes first.
      if (matching.empty() || matching[0]->protection.profile_name != view.protection.profile_name)
        continue;
      view.protection = matching[0]->protection;
    }
    workloads.push_back(std::move(workload));
  }
  return workloads;
}

absl::StatusOr<Rollout> WorkloadRestarter::Step(const Json& policy, const std::string& profile_name,
                                                bool release) {
  RolloutView view;
  view.release = release;
  view.protection.profile_name = profile_name;
  view.now = clock_();
  if (!release) view.templates = options_.templates();
  VARMOR_ASSIGN_OR_RETURN(view.workloads, WorkloadsOf(policy, view));
  Rollout rollout = PlanRollout(view, options_.rollout);
  for (const Json& update : rollout.updates) {
    if (!may_write_()) {
      return absl::FailedPreconditionError("this manager is not the leader (any more)");
    }
    const std::string kind = TextAt(update, {"kind"});
    const absl::Status status = client_.Update(ResourceOf(kind), update).status();
    // Gone, or changed meanwhile: the next step sees how.
    if (!status.ok() && !absl::IsNotFound(status) && !absl::IsAborted(status)) return status;
    logger_.Info(
        release ? "workload released" : "workload restarted",
        {{"workload", absl::StrCat(kind, " ", ObjectKey(update))}, {"profile", profile_name}});
  }
  return rollout;
}

}  // namespace varmor
