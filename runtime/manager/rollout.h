// Workloads that run already and fall under a policy with updateExistingWorkloads: which of them
// are to be restarted now, with what template. Pure; what is under way is read from the workloads
// themselves, so another manager goes on where one stopped.
#ifndef RUNTIME_MANAGER_ROLLOUT_H_
#define RUNTIME_MANAGER_ROLLOUT_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "runtime/manager/admission/protect_template.h"
#include "runtime/protocol/json_fields.h"

namespace varmor {

// Annotation of a pod template: when the manager last changed it, RFC 3339.
inline constexpr char kRestartedAnnotation[] = "controller.varmor.org/restartedAt";

struct RolloutOptions {
  // Workloads under way at once.
  int most = 5;
  // One that is not available after this time does not hold up others any more.
  absl::Duration patience = absl::Minutes(10);
};

struct RolloutView {
  // Deployments, StatefulSets or DaemonSets that the policy selects.
  std::vector<Json> workloads;
  Protection protection;
  TemplateOptions templates;
  // The policy goes: templates become what they were without it.
  bool release = false;
  absl::Time now;
};

struct Rollout {
  // Objects to be stored, by namespace and name; only their templates are changed.
  std::vector<Json> updates;
  int total = 0;
  // Whose template says what it should and which are available again, these updates not included.
  int done = 0;
  // That are never restarted, or not waited for any more, with the reason: "Deployment shop/web is
  // paused".
  std::vector<std::string> skipped;

  bool finished() const { return done + static_cast<int>(skipped.size()) >= total; }
};

Rollout PlanRollout(const RolloutView& view, const RolloutOptions& options);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_ROLLOUT_H_
