#include "runtime/manager/manager.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/kube/kube_object.h"
#include "runtime/manager/certificates/certificate_store.h"
#include "runtime/manager/registration/register_webhooks.h"
#include "runtime/manager/webhook_policies.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

// Changes are collected for so long before the webhook's view of policies is made anew, so that a
// list of thousands makes it once.
constexpr absl::Duration kPoliciesPause = absl::Milliseconds(50);
// Between two looks for nodes that have fallen silent.
constexpr absl::Duration kExpiryPeriod = absl::Seconds(30);
// Addresses come in bursts, and each change makes agents load a profile.
constexpr absl::Duration kClusterPause = absl::Seconds(5);
// How long the first certificate may take.
constexpr absl::Duration kCertificateLimit = absl::Minutes(1);
// For what has to succeed before the manager is of use.
constexpr absl::Duration kRetryPause = absl::Seconds(2);
constexpr absl::Duration kVersionPeriod = absl::Minutes(10);
constexpr absl::Duration kDrainLimit = absl::Seconds(10);
constexpr int kStatusThreads = 4;
// A report of a node names every profile.
constexpr size_t kStatusBodyBytes = 8 << 20;

LeaderElectorOptions ElectorOptions(const ManagerOptions& options, Logger& logger) {
  LeaderElectorOptions out;
  out.name_space = options.features.install_namespace;
  out.name = kLeaderLease;
  out.identity = options.pod_name;
  out.durations = options.lease;
  out.on_error = [&logger](const absl::Status& error) {
    logger.Warning("election", {{"error", error.ToString()}});
  };
  return out;
}

// In the version that the server has.
absl::StatusOr<KubeResource> EndpointSlices(KubeClient& client) {
  VARMOR_ASSIGN_OR_RETURN(const Json version, client.ServerVersion());
  KubeResource slices = kEndpointSlices;
  int minor = 0;
  // Some distributions write "20+".
  if (absl::SimpleAtoi(absl::StripSuffix(TextAt(version, {"minor"}), "+"), &minor) && minor < 21) {
    slices.version = "v1beta1";
  }
  return slices;
}

TokenCheckerOptions TokenOptions() {
  TokenCheckerOptions options;
  options.audience = kStatusAudience;
  return options;
}

}  // namespace

Manager::Manager(ManagerOptions options, KubeClient& client, KubeClient& lease_client,
                 Logger& logger)
    : options_(std::move(options)),
      client_(client),
      logger_(logger),
      leader_gauge_(metrics_.AddGauge("varmor_leader", "1 while this replica leads.")),
      queue_gauge_(
          metrics_.AddGauge("varmor_workqueue_depth", "Keys that wait for work.", {"queue"})),
      certificate_gauge_(metrics_.AddGauge("varmor_cert_expiry_seconds",
                                           "When the certificate ends, seconds since 1970.")),
      registered_gauge_(
          metrics_.AddGauge("varmor_webhooks_registered",
                            "1 while this replica leads and the API server has its webhooks.")),
      retries_(metrics_.AddCounter("varmor_workqueue_retries_total",
                                   "Work that failed and was put back.", {"queue"})),
      elector_(lease_client, ElectorOptions(options_, logger)),
      tokens_(TokenOptions(), client),
      controller_(
          ControllerOptions(), client, BuiltinCatalogue(), metrics_, logger,
          [this](const std::string& key, absl::Duration after) { queue_.AddAfter(key, after); }),
      status_service_(
          {options_.features.install_namespace, options_.agent_account}, tokens_,
          controller_.reports(),
          [this](const std::string& pod) { return controller_.NodeOfPod(pod); }, metrics_),
      lookup_(client, controller_.profiles(), options_.features, BuiltinCatalogue()),
      events_(client, logger, absl::Now) {}

PolicyControllerOptions Manager::ControllerOptions() {
  PolicyControllerOptions out;
  out.features = options_.features;
  out.settle_time = options_.settle_time;
  out.retire_timeout = options_.retire_timeout;
  out.restart_workloads = options_.restart_workloads;
  out.restarts.install_namespace = options_.features.install_namespace;
  out.restarts.match_label = options_.webhooks.match_label;
  out.may_write = [this] { return elector_.Leads(); };
  out.find_model = [this](const std::string& name_space, const std::string& name) {
    return models_.Get(name_space, name);
  };
  out.cluster = [this] { return addresses_.Facts(); };
  out.restarts.policies = [this] {
    MutexLock lock(&mutex_);
    return workload_policies_;
  };
  out.restarts.templates = [this] {
    TemplateOptions templates;
    templates.app_armor_field = admission_->app_armor_field();
    templates.bpf_exclusive = options_.bpf_exclusive;
    return templates;
  };
  return out;
}

Manager::~Manager() { Stop(); }

absl::Status Manager::Start() {
  const absl::Time give_up = absl::Now() + kCertificateLimit;
  absl::Status certificates = RefreshCertificates();
  while (!certificates.ok() && absl::Now() < give_up) {
    logger_.Warning("certificates", {{"error", certificates.ToString()}});
    absl::SleepFor(absl::Seconds(2));
    certificates = RefreshCertificates();
  }
  VARMOR_RETURN_IF_ERROR(certificates);

  AdmissionServerOptions admission;
  admission.address = options_.address;
  admission.port = options_.webhook_port;
  admission.bpf_exclusive = options_.bpf_exclusive;
  admission.features = options_.features;
  admission.find_model = [this](const std::string& name_space, const std::string& name) {
    return models_.Get(name_space, name);
  };
  admission.is_gone = [this](const std::string& name_space, const std::string& profile_name) {
    return IsGone(name_space, profile_name);
  };
  admission.observe = [this](const AdmissionRecord& record) { LogRequest(record); };
  {
    MutexLock lock(&mutex_);
    admission.tls = certificates_.leaf;
  }
  VARMOR_ASSIGN_OR_RETURN(admission_,
                          AdmissionServer::Start(admission, BuiltinCatalogue(), metrics_));
  admission_->SetReadinessCheck([this] { return NotReady(); });
  if (options_.metrics) {
    HttpServerOptions server;
    server.address = options_.address;
    server.port = options_.metrics_port;
    VARMOR_ASSIGN_OR_RETURN(metrics_server_,
                            HttpServer::Start(server, [this](const HttpRequest& request) {
                              HttpResponse response;
                              if (request.path != "/metrics" && request.path != "/metric") {
                                response.status = 404;
                                return response;
                              }
                              response.content_type = Metrics::kContentType;
                              response.body = metrics_.Text();
                              return response;
                            }));
  }
  VARMOR_RETURN_IF_ERROR(StartInformers());
  refresher_ = std::thread([this] { RefreshWebhookPolicies(); });
  maintainer_ = std::thread([this] { Maintain(); });
  return elector_.Start([this](bool leads) { OnLeading(leads); });
}

absl::Status Manager::Wait() {
  MutexLock lock(&mutex_);
  mutex_.Await([this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return ended_ || stopping_; });
  return end_;
}

void Manager::Stop() {
  {
    MutexLock lock(&mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  if (admission_ != nullptr) admission_->Drain(kDrainLimit);
  std::unique_ptr<HttpServer> status_server;
  {
    MutexLock lock(&mutex_);
    status_server = std::move(status_server_);
  }
  if (status_server != nullptr) status_server->Drain(kDrainLimit);
  queue_.Close();
  // Workers end before the Lease is given up: nobody writes after another leads.
  if (leading_.joinable()) leading_.join();
  for (std::thread& thread : threads_) thread.join();
  elector_.Stop();
  for (const auto& informer : informers_) informer->Stop();
  if (refresher_.joinable()) refresher_.join();
  if (maintainer_.joinable()) maintainer_.join();
}

void Manager::Watch(const KubeResource& resource, KubeListOptions list,
                    std::function<void(const Json&)> changed,
                    std::function<void(const Json&)> gone) {
  InformerOptions options;
  options.list = std::move(list);
  options.on_error = [this, plural = resource.plural](const absl::Status& error, int in_a_row) {
    // A single one is how connections end.
    if (in_a_row < 2) return;
    logger_.Warning("watch", {{"resource", plural}, {"error", error.ToString()}});
  };
  informers_.push_back(std::make_unique<Informer>(
      client_, resource, std::move(options),
      [changed = std::move(changed), gone = std::move(gone)](InformerEvent event) {
        if (event.type == InformerEvent::Type::kSynced) return;
        (event.type == InformerEvent::Type::kDeleted ? gone : changed)(event.object);
      }));
}

absl::Status Manager::StartInformers() {
  const std::string& own = options_.features.install_namespace;
  for (const KubeResource* resource : {&kVarmorClusterPolicies, &kVarmorPolicies}) {
    Watch(
        *resource, {},
        [this](const Json& object) {
          controller_.PolicyChanged(object);
          PoliciesChanged();
        },
        [this](const Json& object) {
          controller_.PolicyGone(object);
          events_.Forget(ObjectKey(object));
          PoliciesChanged();
        });
  }
  Watch(
      kArmorProfiles, {},
      [this](const Json& object) {
        controller_.ProfileChanged(object);
        PoliciesChanged();
      },
      [this](const Json& object) {
        controller_.ProfileGone(object);
        PoliciesChanged();
      });
  Watch(
      kArmorProfileModels, {},
      [this](const Json& object) {
        const absl::Status status = models_.Set(object);
        if (!status.ok()) logger_.Warning("model", {{"error", status.message()}});
        controller_.ModelChanged(object);
      },
      [this](const Json& object) {
        models_.Remove(object);
        controller_.ModelChanged(object);
      });
  KubeListOptions agents;
  agents.name_space = own;
  agents.label_selector = absl::StrCat(kComponentLabel, "=", kAgentDaemonSet);
  Watch(
      kPods, agents, [this](const Json& object) { controller_.AgentPodChanged(object); },
      [this](const Json& object) { controller_.AgentPodGone(object); });
  KubeListOptions daemon_set;
  daemon_set.name_space = own;
  daemon_set.field_selector = absl::StrCat("metadata.name=", kAgentDaemonSet);
  Watch(
      kDaemonSets, daemon_set,
      [this](const Json& object) {
        controller_.AgentDaemonSetChanged(object);
        const int nodes =
            static_cast<int>(NumberAt(object, {"status", "desiredNumberScheduled"}).value_or(0));
        if (nodes >= 100) elector_.SetDurations(LeaseDurationsFor(nodes));
      },
      [this](const Json&) { controller_.AgentDaemonSetChanged(nullptr); });
  KubeListOptions nodes;
  nodes.metadata_only = true;
  Watch(
      kNodes, nodes, [this](const Json& object) { controller_.NodeChanged(object); },
      [this](const Json& object) {
        controller_.NodeGone(object);
        status_service_.ForgetNode(TextAt(object, {"metadata", "name"}));
      });
  const auto watch_addresses = [this](const KubeResource& resource) {
    const auto note = [this](bool changed) {
      if (!changed) return;
      MutexLock lock(&mutex_);
      cluster_dirty_ = true;
    };
    Watch(
        resource, {}, [this, note](const Json& object) { note(addresses_.Changed(object)); },
        [this, note](const Json& object) { note(addresses_.Gone(object)); });
  };
  if (options_.features.service_egress) {
    VARMOR_ASSIGN_OR_RETURN(const KubeResource slices, EndpointSlices(client_));
    watch_addresses(kServices);
    watch_addresses(slices);
  }
  if (options_.features.pod_egress) watch_addresses(kPods);
  for (const auto& informer : informers_) informer->Start();
  return absl::OkStatus();
}

bool Manager::Synced() const {
  return std::all_of(informers_.begin(), informers_.end(),
                     [](const auto& informer) { return informer->Synced(); });
}

std::vector<std::string> Manager::NotReady() const {
  std::vector<std::string> reasons;
  if (!Synced()) reasons.push_back("not all objects of the cluster are known yet");
  MutexLock lock(&mutex_);
  if (elector_.Leads() && status_server_ == nullptr) {
    reasons.push_back("the status service does not listen yet");
  }
  if (elector_.Leads() && !registered_) {
    reasons.push_back(absl::StrCat("the webhooks are not registered",
                                   registration_.ok() ? " yet" : ": ",
                                   registration_.ok() ? "" : registration_.ToString()));
  }
  return reasons;
}

void Manager::LogRequest(const AdmissionRecord& record) {
  if (!record.dry_run && !record.remarks.empty()) {
    MutexLock lock(&mutex_);
    for (const AdmissionRemark& remark : record.remarks) {
      const char* reason =
          remark.kind == MutationRemark::Kind::kShadowed ? "PolicyShadowed" : "NotProtected";
      remarks_.emplace(std::make_pair(absl::StrCat(remark.name_space, "/", remark.name), reason),
                       absl::StrCat(record.what, ": ", remark.text));
    }
  }
  if (!record.mutated && record.allowed && record.message.empty()) return;
  const char* done = record.mutated ? "workload protected" : "workload unchanged";
  if (record.mutated && record.policies.empty()) done = "workload released";
  if (!record.mutating) done = "policy accepted";
  if (!record.allowed) done = record.mutating ? "workload refused" : "policy refused";
  logger_.Info(done, {{"request", record.what},
                      {"policy", absl::StrJoin(record.policies, ", ")},
                      {"released", absl::StrJoin(record.released, ", ")},
                      {"message", record.message}});
}

bool Manager::IsGone(const std::string& name_space, const std::string& profile_name) {
  const absl::StatusOr<bool> has = lookup_.HasPolicy(name_space, profile_name);
  if (has.ok()) return !*has;
  logger_.Warning("a workload keeps a profile that may be gone",
                  {{"profile", profile_name}, {"error", has.status().ToString()}});
  return false;
}

void Manager::TellRemarks() {
  std::map<std::pair<std::string, std::string>, std::string> remarks;
  {
    MutexLock lock(&mutex_);
    remarks.swap(remarks_);
  }
  if (remarks.empty()) return;
  for (const ObjectPointer& policy : controller_.Policies()) {
    const std::string key = ObjectKey(*policy);
    for (auto it = remarks.lower_bound({key, ""}); it != remarks.end() && it->first.first == key;
         ++it) {
      events_.Record(key, *policy, "Warning", it->first.second, it->second);
    }
  }
}

void Manager::OnLeading(bool leads) {
  leader_gauge_.Set({}, leads ? 1 : 0);
  if (!leads) registered_gauge_.Set({}, 0);
  logger_.Info(leads ? "leading" : "not leading any more", {{"replica", options_.pod_name}});
  MutexLock lock(&mutex_);
  if (stopping_) return;
  if (!leads) {
    end_ = absl::AbortedError("this replica does not lead any more");
    ended_ = true;
    return;
  }
  leading_ = std::thread([this] {
    const absl::Status status = Lead();
    if (status.ok()) return;
    MutexLock lock(&mutex_);
    end_ = status;
    ended_ = true;
  });
}

absl::Status Manager::Lead() {
  while (!Synced()) {
    MutexLock lock(&mutex_);
    const auto over = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return stopping_ || ended_; };
    if (mutex_.AwaitWithTimeout(over, absl::Milliseconds(50))) return absl::OkStatus();
  }
  controller_.Start();
  HttpServerOptions server;
  server.address = options_.address;
  server.port = options_.status_port;
  server.threads = kStatusThreads;
  server.body_limit = kStatusBodyBytes;
  server.before_body = [this](const HttpRequest& request) {
    return status_service_.HandleHeader(request);
  };
  {
    MutexLock lock(&mutex_);
    server.tls = certificates_.leaf;
  }
  VARMOR_ASSIGN_OR_RETURN(std::unique_ptr<HttpServer> status_server,
                          HttpServer::Start(server, [this](const HttpRequest& request) {
                            return status_service_.Handle(request);
                          }));
  {
    MutexLock lock(&mutex_);
    if (stopping_ || ended_) return absl::OkStatus();
    status_server_ = std::move(status_server);
    for (int i = 0; i < options_.workers; ++i) threads_.emplace_back([this] { Work(); });
  }
  return absl::OkStatus();
}

void Manager::Work() {
  while (const absl::optional<std::string> key = queue_.Take()) {
    const absl::StatusOr<absl::Duration> again = controller_.Reconcile(*key);
    if (!again.ok()) {
      retries_.Add({"policies"});
      logger_.Warning("work failed", {{"key", *key}, {"error", again.status().ToString()}});
    } else if (*again != absl::InfiniteDuration()) {
      queue_.AddAfter(*key, *again);
    }
    queue_.Done(*key, again.status());
    if (!again.ok() && queue_.InSlowLane(*key)) controller_.TellRetries(*key, again.status());
  }
}

// Only the leader's status service listens; its Service finds it by this label, as vArmor's does.
bool Manager::LabelLeader() {
  // Outside of a cluster there is no pod.
  if (!options_.webhooks.url.empty()) return true;
  const std::string& own = options_.features.install_namespace;
  KubeListOptions others;
  others.name_space = own;
  others.label_selector = absl::StrCat(kComponentLabel, "=", kManagerDeployment);
  const absl::StatusOr<KubeList> pods = client_.List(kPods, others);
  absl::Status status = pods.status();
  if (pods.ok()) {
    for (const Json& pod : pods->items) {
      const std::string name = TextAt(pod, {"metadata", "name"});
      const bool has = TextAt(pod, {"metadata", "labels", "identity"}) == "leader";
      if (has == (name == options_.pod_name)) continue;
      const Json label = has ? Json(nullptr) : Json("leader");
      const absl::Status patched = client_
                                       .Patch(kPods, own, name, KubePatch::kMerge,
                                              {{"metadata", {{"labels", {{"identity", label}}}}}})
                                       .status();
      if (!patched.ok() && !absl::IsNotFound(patched)) status = patched;
    }
  }
  if (!status.ok()) {
    logger_.Error("the leader's pod cannot be labelled: agents do not find the status service",
                  {{"error", status.ToString()}});
  }
  return status.ok();
}

void Manager::Register(const WebhookOptions& webhooks) {
  const absl::StatusOr<std::vector<std::string>> written = EnsureWebhooks(client_, webhooks);
  registered_gauge_.Set({}, written.ok() ? 1 : 0);
  if (written.ok()) {
    for (const std::string& name : *written) {
      logger_.Info("webhook configuration written", {{"name", name}});
    }
  } else {
    logger_.Error("webhooks cannot be registered: what they would protect may be unprotected",
                  {{"error", written.status().ToString()}});
  }
  MutexLock lock(&mutex_);
  // What is there once stays there: a leader that is not ready would only keep it from being asked.
  if (registered_) return;
  registered_ = written.ok();
  registration_ = written.status();
}

void Manager::Maintain() {
  absl::Time next_version = absl::InfinitePast();
  absl::Time next_resync = absl::Now() + options_.resync;
  bool labelled = false;
  while (true) {
    const bool leads = elector_.Leads();
    labelled = labelled && leads;
    if (absl::Now() >= next_version && RefreshVersion()) {
      next_version = absl::Now() + kVersionPeriod;
    }
    if (leads) {
      WebhookOptions webhooks = options_.webhooks;
      {
        MutexLock lock(&mutex_);
        webhooks.ca_bundle = certificates_.authorities;
      }
      Register(webhooks);
      if (!labelled) labelled = LabelLeader();
      if (absl::Now() >= next_resync) {
        controller_.EnqueueAll(absl::ZeroDuration());
        next_resync = absl::Now() + options_.resync;
      }
    }
    queue_gauge_.Set({"policies"}, static_cast<double>(queue_.size()));
    {
      MutexLock lock(&mutex_);
      if (stopping_) return;
      const bool retry =
          (leads && !(labelled && registered_)) || next_version == absl::InfinitePast();
      const absl::Time until = absl::Now() + (retry ? kRetryPause : options_.certificate_period);
      const auto news = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return stopping_ || leads != elector_.Leads();
      };
      // A Lease also ends by the clock, which tells nobody.
      while (absl::Now() < until && !mutex_.AwaitWithTimeout(news, absl::Seconds(1))) {
      }
      if (stopping_) return;
    }
    const absl::Status status = RefreshCertificates();
    if (!status.ok()) logger_.Warning("certificates", {{"error", status.ToString()}});
  }
}

absl::Status Manager::RefreshCertificates() {
  const std::string& own = options_.features.install_namespace;
  VARMOR_ASSIGN_OR_RETURN(
      const Certificates certificates,
      EnsureCertificates(client_, own, ServiceNames(own, options_.names), absl::Now()));
  if (!certificates.reason.empty()) {
    logger_.Info("certificates", {{"reason", certificates.reason}});
  }
  certificate_gauge_.Set({}, static_cast<double>(absl::ToUnixSeconds(certificates.leaf_end)));
  MutexLock lock(&mutex_);
  const TlsPair& leaf = certificates.state.leaf;
  const bool is_new = leaf.certificate != certificates_.leaf.certificate;
  certificates_ = certificates.state;
  if (!is_new) return absl::OkStatus();
  if (admission_ != nullptr) VARMOR_RETURN_IF_ERROR(admission_->SetTls(leaf));
  if (status_server_ != nullptr) VARMOR_RETURN_IF_ERROR(status_server_->SetTls(leaf));
  return absl::OkStatus();
}

bool Manager::RefreshVersion() {
  const absl::StatusOr<Json> version = client_.ServerVersion();
  const absl::Status status =
      version.ok()
          ? admission_->SetServerVersion(TextAt(*version, {"major"}), TextAt(*version, {"minor"}))
          : version.status();
  if (!status.ok()) logger_.Warning("server version", {{"error", status.ToString()}});
  return status.ok();
}

void Manager::PoliciesChanged() {
  MutexLock lock(&mutex_);
  policies_dirty_ = true;
}

void Manager::RefreshWebhookPolicies() {
  absl::Time cluster_due = absl::InfiniteFuture();
  absl::Time expiry_due = absl::Now() + kExpiryPeriod;
  while (true) {
    bool policies = false;
    bool cluster = false;
    {
      MutexLock lock(&mutex_);
      const auto news = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return stopping_ || policies_dirty_ || cluster_dirty_ || !remarks_.empty();
      };
      mutex_.AwaitWithTimeout(news, std::min(cluster_due, expiry_due) - absl::Now());
      if (stopping_) return;
      policies = policies_dirty_;
      policies_dirty_ = false;
      if (cluster_dirty_ && cluster_due == absl::InfiniteFuture()) {
        cluster_due = absl::Now() + kClusterPause;
      }
      cluster_dirty_ = false;
      cluster = absl::Now() >= cluster_due;
    }
    TellRemarks();
    if (absl::Now() >= expiry_due) {
      controller_.ExpireReports();
      expiry_due = absl::Now() + kExpiryPeriod;
    }
    if (cluster) {
      cluster_due = absl::InfiniteFuture();
      controller_.ClusterChanged();
    }
    if (!policies) continue;
    // Before all are known, a workload would be let through as if it had no policy.
    if (!Synced()) {
      absl::SleepFor(kPoliciesPause);
      PoliciesChanged();
      continue;
    }
    absl::SleepFor(kPoliciesPause);
    {
      MutexLock lock(&mutex_);
      policies_dirty_ = false;
    }
    const auto snapshot = std::make_shared<const WorkloadPolicies>(
        WebhookPolicies(controller_.Policies(), controller_.profiles(), options_.features,
                        options_.opt_out, BuiltinCatalogue()));
    admission_->SetPolicies(snapshot);
    MutexLock lock(&mutex_);
    workload_policies_ = snapshot;
  }
}

}  // namespace varmor
