#include "runtime/manager/rollout.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/kube/kube_object.h"
#include "runtime/manager/object_cache.h"
#include "runtime/manager/status.h"

namespace varmor {
namespace {

int64_t Number(const Json& object, std::initializer_list<absl::string_view> path,
               int64_t fallback) {
  return NumberAt(object, path).value_or(fallback);
}

// All pods are of the newest template and run.
bool IsAvailable(const Json& workload) {
  if (Number(workload, {"status", "observedGeneration"}, 0) <
      Number(workload, {"metadata", "generation"}, 0)) {
    return false;
  }
  if (TextAt(workload, {"kind"}) == "DaemonSet") {
    const int64_t wanted = Number(workload, {"status", "desiredNumberScheduled"}, 0);
    return Number(workload, {"status", "updatedNumberScheduled"}, 0) >= wanted &&
           Number(workload, {"status", "numberAvailable"}, 0) >= wanted;
  }
  const int64_t wanted = Number(workload, {"spec", "replicas"}, 1);
  const char* running =
      TextAt(workload, {"kind"}) == "StatefulSet" ? "readyReplicas" : "availableReplicas";
  return Number(workload, {"status", "updatedReplicas"}, 0) >= wanted &&
         Number(workload, {"status", running}, 0) >= wanted;
}

absl::Time RestartedAt(const Json& workload) {
  absl::Time time = absl::InfinitePast();
  std::string error;
  absl::ParseTime(
      absl::RFC3339_full,
      TextAt(workload, {"spec", "template", "metadata", "annotations", kRestartedAnnotation}),
      &time, &error);
  return time;
}

// Why the workload's pods would not follow its template; "" when they do.
std::string ReasonToSkip(const Json& workload) {
  const Json* paused = FieldAt(workload, {"spec", "paused"});
  if (paused != nullptr && *paused == true) return "is paused";
  if (TextAt(workload, {"spec", "updateStrategy", "type"}) == "OnDelete") {
    return "has the update strategy OnDelete";
  }
  return "";
}

Json WantedTemplate(const RolloutView& view, const Json& workload) {
  Json wanted = workload["spec"]["template"];
  if (view.release) {
    ReleaseTemplate(view.protection.profile_name, wanted);
  } else {
    ProtectTemplate(view.protection, view.templates, wanted);
    // One that is protected already is not restarted for a label.
    if (wanted != workload["spec"]["template"]) {
      LabelTemplate(view.protection.profile_name, wanted);
    }
  }
  return wanted;
}

}  // namespace

Rollout PlanRollout(const RolloutView& view, const RolloutOptions& options) {
  std::vector<const Json*> workloads;
  for (const Json& workload : view.workloads) {
    // One that is going needs nothing.
    if (FieldAt(workload, {"metadata", "deletionTimestamp"}) != nullptr) continue;
    if (FieldAt(workload, {"spec", "template"}) != nullptr) workloads.push_back(&workload);
  }
  std::sort(workloads.begin(), workloads.end(),
            [](const Json* a, const Json* b) { return ObjectKey(*a) < ObjectKey(*b); });
  Rollout rollout;
  rollout.total = static_cast<int>(workloads.size());
  int under_way = 0;
  std::vector<std::pair<const Json*, Json>> waiting;
  for (const Json* workload : workloads) {
    Json wanted = WantedTemplate(view, *workload);
    if (wanted == (*workload)["spec"]["template"]) {
      const absl::Time restarted = RestartedAt(*workload);
      const bool held_up = restarted + options.patience <= view.now;
      if (restarted == absl::InfinitePast() || IsAvailable(*workload)) {
        ++rollout.done;
      } else if (held_up) {
        rollout.skipped.push_back(absl::StrCat(
            TextAt(*workload, {"kind"}), " ", ObjectKey(*workload), " is not available ",
            absl::FormatDuration(options.patience), " after its restart"));
      } else {
        ++under_way;
      }
    } else if (const std::string reason = ReasonToSkip(*workload); !reason.empty()) {
      rollout.skipped.push_back(
          absl::StrCat(TextAt(*workload, {"kind"}), " ", ObjectKey(*workload), " ", reason));
    } else {
      waiting.emplace_back(workload, std::move(wanted));
    }
  }
  for (auto& [workload, wanted] : waiting) {
    if (under_way >= options.most) break;
    ++under_way;
    Json update = *workload;
    wanted["metadata"]["annotations"][kRestartedAnnotation] = TimeText(view.now);
    update["spec"]["template"] = std::move(wanted);
    rollout.updates.push_back(std::move(update));
  }
  return rollout;
}

}  // namespace varmor
