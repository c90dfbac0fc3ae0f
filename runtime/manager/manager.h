// The manager as a whole: watches, the webhook server, the election, and, while this replica leads,
// the controllers, the status service and the registration of the webhooks.
#ifndef RUNTIME_MANAGER_MANAGER_H_
#define RUNTIME_MANAGER_MANAGER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/kube/informer.h"
#include "runtime/kube/kube_client.h"
#include "runtime/kube/leader_elector.h"
#include "runtime/kube/mutex.h"
#include "runtime/kube/work_queue.h"
#include "runtime/log/logger.h"
#include "runtime/manager/admission/admission_server.h"
#include "runtime/manager/certificates/certificate_plan.h"
#include "runtime/manager/cluster_addresses.h"
#include "runtime/manager/event_recorder.h"
#include "runtime/manager/model_cache.h"
#include "runtime/manager/policy_controller.h"
#include "runtime/manager/policy_lookup.h"
#include "runtime/manager/registration/webhook_configurations.h"
#include "runtime/manager/status_service.h"
#include "runtime/metrics/metrics.h"

namespace varmor {

inline constexpr char kLeaderLease[] = "varmor-manager";

struct ManagerOptions {
  PolicyFeatures features;
  OptOutDefaults opt_out;
  // Name of this pod: its identity in the election.
  std::string pod_name;
  std::string address = "0.0.0.0";
  uint16_t webhook_port = 3443;
  uint16_t status_port = 8080;
  uint16_t metrics_port = 8081;
  bool metrics = false;
  bool bpf_exclusive = false;
  // Honour updateExistingWorkloads.
  bool restart_workloads = false;
  WebhookOptions webhooks;
  // More names for the certificate than those of the Services: the address outside of a cluster.
  std::vector<std::string> names;
  std::string agent_account = "varmor-agent";
  // A full pass over all policies.
  absl::Duration resync = absl::Hours(2);
  int workers = 4;
  // Nothing: by the number of nodes.
  LeaseDurations lease;
  absl::Duration settle_time = absl::Minutes(3);
  absl::Duration retire_timeout = absl::Minutes(10);
  absl::Duration certificate_period = absl::Seconds(30);
};

class Manager {
 public:
  // `lease_client` is for the election alone. What is referred to must outlive the manager.
  Manager(ManagerOptions options, KubeClient& client, KubeClient& lease_client, Logger& logger);
  // Stops.
  ~Manager();

  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // Certificates, servers, watches, election. Errors are those of the certificates, after a minute
  // of tries, and of the ports.
  absl::Status Start();
  // Waits for Stop, from another thread, or for the end of leading, which is ABORTED: a replica
  // that led starts anew.
  absl::Status Wait();
  void Stop();

  // Why this replica is of no use yet, for the readiness page; the webhook server has more reasons.
  std::vector<std::string> NotReady() const;

  // For tests: the ports that were taken.
  uint16_t webhook_port() const { return admission_->port(); }

 private:
  // Errors are those of the API server's version, where it matters.
  absl::Status StartInformers();
  void Watch(const KubeResource& resource, KubeListOptions list,
             std::function<void(const Json&)> changed, std::function<void(const Json&)> gone);
  void OnLeading(bool leads);
  absl::Status Lead();
  void Work();
  // Every half minute: certificates, webhooks, server version, metrics.
  void Maintain();
  absl::Status RefreshCertificates();
  // False: to be tried again.
  bool RefreshVersion();
  bool LabelLeader();
  void Register(const WebhookOptions& webhooks);
  // Rebuilds what the webhook knows, when something changed.
  void RefreshWebhookPolicies();
  void PoliciesChanged();
  bool Synced() const;
  PolicyControllerOptions ControllerOptions();
  void LogRequest(const AdmissionRecord& record);
  bool IsGone(const std::string& name_space, const std::string& profile_name);
  // Events about policies that admissions left out.
  void TellRemarks();

  const ManagerOptions options_;
  KubeClient& client_;
  Logger& logger_;
  Metrics metrics_;
  Gauge& leader_gauge_;
  Gauge& queue_gauge_;
  Gauge& certificate_gauge_;
  Gauge& registered_gauge_;
  Counter& retries_;
  WorkQueue queue_;
  ModelCache models_;
  ClusterAddresses addresses_;
  LeaderElector elector_;
  TokenChecker tokens_;
  PolicyController controller_;
  StatusService status_service_;
  PolicyLookup lookup_;
  EventRecorder events_;
  std::unique_ptr<AdmissionServer> admission_;
  std::unique_ptr<HttpServer> metrics_server_;
  std::vector<std::unique_ptr<Informer>> informers_;
  std::vector<std::thread> threads_;
  std::thread maintainer_, refresher_, leading_;

  mutable Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool policies_dirty_ ABSL_GUARDED_BY(mutex_) = true;
  bool cluster_dirty_ ABSL_GUARDED_BY(mutex_) = false;
  // Key of the policy and reason to the first message since the last time.
  std::map<std::pair<std::string, std::string>, std::string> remarks_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const WorkloadPolicies> workload_policies_ ABSL_GUARDED_BY(mutex_);
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  CertificateState certificates_ ABSL_GUARDED_BY(mutex_);
  // Whether this replica has registered the webhooks, and why not.
  bool registered_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status registration_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<HttpServer> status_server_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_MANAGER_H_
