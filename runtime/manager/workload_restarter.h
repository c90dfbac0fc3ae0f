// Carries out rollouts (rollout.h): lists the workloads of a policy, and stores their templates.
#ifndef RUNTIME_MANAGER_WORKLOAD_RESTARTER_H_
#define RUNTIME_MANAGER_WORKLOAD_RESTARTER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/kube/kube_client.h"
#include "runtime/log/logger.h"
#include "runtime/manager/admission/workload_policies.h"
#include "runtime/manager/rollout.h"

namespace varmor {

struct WorkloadRestarterOptions {
  RolloutOptions rollout;
  std::string install_namespace = "varmor";
  // "key=value" that workloads must have, as for the webhook; "": all.
  std::string match_label;
  // What the webhook of this replica does, so that both write the same; null before all is known.
  std::function<std::shared_ptr<const WorkloadPolicies>()> policies;
  std::function<TemplateOptions()> templates;
};

class WorkloadRestarter {
 public:
  // Of kinds Deployment, StatefulSet and DaemonSet. `may_write` is asked before every write.
  // `client` and `logger` must outlive the restarter.
  WorkloadRestarter(WorkloadRestarterOptions options, KubeClient& client, Logger& logger,
                    std::function<bool()> may_write, std::function<absl::Time()> clock)
      : options_(std::move(options)),
        client_(client),
        logger_(logger),
        may_write_(std::move(may_write)),
        clock_(std::move(clock)) {}

  // Whether the webhook applies the profile.
  bool Knows(const std::string& profile_name) const;

  // One step of the policy's rollout, or with `release` of taking the profile out again. Workloads
  // that fall under another policy are left alone. FAILED_PRECONDITION when nothing may be written.
  absl::StatusOr<Rollout> Step(const Json& policy, const std::string& profile_name, bool release);

 private:
  absl::StatusOr<std::vector<Json>> WorkloadsOf(const Json& policy, RolloutView& view);

  const WorkloadRestarterOptions options_;
  KubeClient& client_;
  Logger& logger_;
  const std::function<bool()> may_write_;
  const std::function<absl::Time()> clock_;
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_WORKLOAD_RESTARTER_H_
