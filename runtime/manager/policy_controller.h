// Carries out plans: what is known of the cluster goes into PlanPolicy, and what that says into the
// API server. Has no threads of its own; thread-safe, as long as no key is reconciled by two
// threads at once.
#ifndef RUNTIME_MANAGER_POLICY_CONTROLLER_H_
#define RUNTIME_MANAGER_POLICY_CONTROLLER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "runtime/kube/kube_client.h"
#include "runtime/kube/mutex.h"
#include "runtime/log/logger.h"
#include "runtime/manager/agent_fleet.h"
#include "runtime/manager/event_recorder.h"
#include "runtime/manager/object_cache.h"
#include "runtime/manager/plan.h"
#include "runtime/manager/policy_check.h"
#include "runtime/manager/report_store.h"
#include "runtime/manager/workload_restarter.h"
#include "runtime/metrics/metrics.h"

namespace varmor {

using FindModel = std::function<std::shared_ptr<const BehaviorModel>(
    const std::string& name_space, const std::string& profile_name)>;

struct PolicyControllerOptions {
  PolicyFeatures features;
  absl::Duration retire_timeout = absl::Minutes(10);
  // From Start on, for how long silence of a node is no news: three reports of a node.
  absl::Duration settle_time = absl::Minutes(3);
  // How long reports are collected before the status is written, at most; 0: by the number of
  // nodes.
  absl::Duration status_window = absl::ZeroDuration();
  // The recorded behaviour for a profile (namespace, name), null: there is none.
  FindModel find_model;
  // Addresses for rules about services and pods; null, or empty: unknown.
  std::function<std::shared_ptr<const ClusterFacts>()> cluster;
  // Honour updateExistingWorkloads.
  bool restart_workloads = false;
  WorkloadRestarterOptions restarts;
  // Asked before every write: whether this manager still is the leader.
  std::function<bool()> may_write = [] { return true; };
  std::function<absl::Time()> clock = absl::Now;
};

class PolicyController {
 public:
  // Has the key reconciled after a time; again when it is asked for meanwhile.
  using Enqueue = std::function<void(const std::string& key, absl::Duration after)>;

  // What is referred to must outlive the controller.
  PolicyController(PolicyControllerOptions options, KubeClient& client, const Catalogue& catalogue,
                   Metrics& metrics, Logger& logger, Enqueue enqueue);

  // News of watches; `object` as it was last where it is gone.
  void PolicyChanged(const Json& object);
  void PolicyGone(const Json& object);
  void ProfileChanged(const Json& object);
  void ProfileGone(const Json& object);
  // Pods of the agents, their DaemonSet (null: it is gone), and the cluster's nodes.
  void AgentPodChanged(const Json& object);
  void AgentPodGone(const Json& object);
  void AgentDaemonSetChanged(const Json& object);
  void NodeChanged(const Json& object);
  void NodeGone(const Json& object);
  // `find_model` says something else about this ArmorProfileModel than before: policies that are
  // made of it are made again.
  void ModelChanged(const Json& object);
  // `cluster` says something else than before: policies with rules about it are made again.
  void ClusterChanged();

  // All that exists is known. Enqueues every policy, and every ArmorProfile without one.
  void Start();
  // Forgets what nodes said that have not reported for so long that three reports are missing.
  void ExpireReports();
  // Every policy, soon.
  void EnqueueAll(absl::Duration after);

  // Does what the key needs. Returns when it is to be done again though nothing happens. ABORTED
  // when somebody else was faster; FAILED_PRECONDITION when this manager is not the leader.
  absl::StatusOr<absl::Duration> Reconcile(const std::string& key);
  // Tells users of the policy (an event) that Reconcile has failed often, last with `failure`.
  void TellRetries(const std::string& key, const absl::Status& failure);

  ReportStore& reports() { return reports_; }
  // All policies of both kinds, and their ArmorProfiles.
  std::vector<ObjectPointer> Policies() const;
  const ObjectCache& profiles() const { return profiles_; }
  // Node of a pod of the agents, "" when there is no such pod.
  std::string NodeOfPod(const std::string& pod) const { return fleet_.NodeOfPod(pod); }

 private:
  // What a policy compiled to, and from.
  struct Draft {
    std::string uid;
    int64_t generation = 0;
    std::shared_ptr<const ProfileDraft> draft;
    // When violations are next written.
    absl::Time violations_due = absl::InfinitePast();
  };

  // Null for keys that are not those of a policy, or when it is gone.
  ObjectPointer PolicyOf(const std::string& key) const;
  void EnqueueNamed(const std::string& profile_name);
  void ReportsChanged(const std::string& key, const ReportTotals& before,
                      const ReportTotals& after);
  // Of an ArmorProfile: that of its policy, or its own when that does not exist.
  std::string KeyOfOwner(const Json& profile) const;
  ObjectPointer OwnerOf(const Json& profile) const;
  absl::Duration Window() const;
  absl::Duration TimeToSettle() const;

  absl::StatusOr<absl::Duration> ReconcilePolicy(const std::string& key, const Json& policy);
  // A step of the rollout of a policy that asks for one. Infinite when nothing is left to do.
  absl::StatusOr<absl::Duration> RestartWorkloads(const Json& policy, const ProfileDraft& draft);
  absl::Status ReportRollout(const Json& policy, const Rollout& rollout);
  absl::StatusOr<absl::Duration> ReconcileOrphan(const Json& profile);
  absl::StatusOr<std::shared_ptr<const ProfileDraft>> DraftOf(const std::string& key,
                                                              const Json& policy);
  // How long until violations may be written again; zero: now, and then not for a while.
  absl::Duration TimeToViolations(const std::string& key);
  // The draft of a policy whose profile the API server did not take.
  void RefuseDraft(const std::string& key, const absl::Status& status);
  // Another ArmorProfile of the draft's name, or a policy that is about to have one.
  std::string TakerOfName(const std::string& key, const ProfileDraft& draft);
  absl::StatusOr<absl::Duration> CarryOut(const std::string& key, const Json* policy,
                                          const std::string& name_space, const std::string& name,
                                          const PolicyPlan& plan,
                                          PlanAction::Kind* failed = nullptr);
  absl::Status CarryOut(const Json* policy, const std::string& name_space, const std::string& name,
                        const PlanAction& action);
  void Forget(const std::string& key);
  void Measure(const Json& policy);

  const PolicyControllerOptions options_;
  KubeClient& client_;
  const Catalogue& catalogue_;
  Logger& logger_;
  const Enqueue enqueue_;
  EventRecorder events_;
  WorkloadRestarter restarter_;
  ReportStore reports_;
  AgentFleet fleet_;
  ObjectCache policies_;          // keys with "/", which both kinds share
  ObjectCache cluster_policies_;  // "/NAME"
  ObjectCache profiles_;
  Gauge& ready_;
  Gauge& nodes_;
  Counter& writes_;

  mutable Mutex mutex_;
  absl::Time settled_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  std::map<std::string, Draft> drafts_ ABSL_GUARDED_BY(mutex_);
  // Profile name to the key of the policy that may use it.
  std::map<std::string, std::string> claims_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_POLICY_CONTROLLER_H_
