// The webhook server of a manager: HTTPS, both webhooks, health, and what they count.
//
//     AdmissionServerOptions options;
//     options.tls = certificates.state.leaf;
//     VARMOR_ASSIGN_OR_RETURN(auto server,
//                             AdmissionServer::Start(options, BuiltinCatalogue(), metrics));
//     server->SetPolicies(std::make_shared<const WorkloadPolicies>(...));  // on every change
//
//   POST /mutate              AdmissionReview of workloads
//   POST /release             AdmissionReview of pods that only need to lose what is gone
//   POST /validate            AdmissionReview of policies
//   GET  /health/liveness     200
//   GET  /health/readiness    200, or 503 and a line for each reason
// Anything else is 404; another method 405; a body that is not application/json 415; one that is no
// AdmissionReview 417; one over 8 MiB 413. A fault of ours is 500, so that the failure policy of
// the webhook decides.
#ifndef RUNTIME_MANAGER_ADMISSION_ADMISSION_SERVER_H_
#define RUNTIME_MANAGER_ADMISSION_ADMISSION_SERVER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "runtime/http/http_server.h"
#include "runtime/http/tls_pair.h"
#include "runtime/manager/admission/admission_review.h"
#include "runtime/manager/admission/mutate.h"
#include "runtime/manager/admission/validate.h"
#include "runtime/manager/admission/workload_policies.h"
#include "runtime/manager/policy_check.h"
#include "runtime/metrics/metrics.h"

namespace varmor {

// MutationRemark, without pointers.
struct AdmissionRemark {
  MutationRemark::Kind kind;
  // Of the policy; "" for the namespace of a cluster policy.
  std::string name_space;
  std::string name;
  std::string text;
};

// One request that was answered, for logs and events.
struct AdmissionRecord {
  bool mutating = false;  // or validating
  // "CREATE Deployment shop/web".
  std::string what;
  std::string name_space;
  std::string kind;
  std::string name;
  bool dry_run = false;
  // Mutating: the template was changed.
  bool mutated = false;
  bool allowed = true;
  // Why it was refused, or what is wrong with the request itself.
  std::string message;
  // Mutating: "shop/db", or "all" for a cluster policy; the first was applied, the others are in
  // its shadow.
  std::vector<std::string> policies;
  std::vector<AdmissionRemark> remarks;
  // Profiles without a policy that were taken out.
  std::vector<std::string> released;
};

struct AdmissionServerOptions {
  std::string address = "0.0.0.0";
  uint16_t port = 3443;  // 0: a free one
  TlsPair tls;           // both empty: no TLS, for tests
  // A policy that takes long to compile holds a thread: others have to remain for workloads.
  int threads = 4;
  // --bpfExclusiveMode.
  bool bpf_exclusive = false;
  PolicyFeatures features;
  // Models by profile name, from a cache: it is asked while a request waits, in the server's
  // threads. Empty: there are none.
  FindModel find_model;
  // Whether a profile that no known policy has is really gone, for workloads of a namespace; asked
  // while a request waits, once policies are known. Empty: workloads keep what they have.
  std::function<bool(const std::string& name_space, const std::string& profile_name)> is_gone;
  // Called after each answer, in the server's threads. Empty: nobody wants to know.
  std::function<void(const AdmissionRecord& record)> observe;
};

class AdmissionServer {
 public:
  // Listens when it returns; before the first SetPolicies no workload is changed, and readiness
  // says so. `catalogue` and `metrics` have to stay. Errors are those of HttpServer::Start.
  // `metrics` gets the families varmor_admission_requests_total, varmor_mutated_requests_total,
  // varmor_non_mutated_requests_total, varmor_webhook_latency, varmor_policy_reviews_total.
  static absl::StatusOr<std::unique_ptr<AdmissionServer>> Start(
      const AdmissionServerOptions& options, const Catalogue& catalogue, Metrics& metrics);

  // All thread-safe, and for requests from now on.
  void SetPolicies(std::shared_ptr<const WorkloadPolicies> policies);
  // `major` and `minor` of /version ("1", "30+"). Before the first call AppArmor is an annotation,
  // and readiness says that the version is unknown. INVALID_ARGUMENT: no numbers; nothing changes.
  absl::Status SetServerVersion(absl::string_view major, absl::string_view minor);
  // Whether that version has securityContext.appArmorProfile.
  bool app_armor_field() const { return app_armor_field_; }
  absl::Status SetTls(const TlsPair& tls) { return http_->SetTls(tls); }
  // More reasons for not being ready, asked at each request for it; empty: ready.
  void SetReadinessCheck(std::function<std::vector<std::string>()> reasons);

  uint16_t port() const { return http_->port(); }
  // See HttpServer::Drain; readiness is 503 from then on.
  void Drain(absl::Duration limit);

 private:
  AdmissionServer(const AdmissionServerOptions& options, const Catalogue& catalogue,
                  Metrics& metrics);

  // Answers what needs no body.
  std::optional<HttpResponse> HandleHeader(const HttpRequest& request);
  HttpResponse Review(const HttpRequest& request);
  HttpResponse Ready();
  absl::StatusOr<AdmissionAnswer> MutateRequest(const AdmissionRequest& request, bool only_release,
                                                AdmissionRecord& record);
  absl::StatusOr<AdmissionAnswer> ValidateRequest(const AdmissionRequest& request,
                                                  AdmissionRecord& record);
  // Null before the first SetPolicies.
  std::shared_ptr<const WorkloadPolicies> Policies() const;

  const AdmissionServerOptions options_;
  const Catalogue& catalogue_;
  Counter& requests_;
  Counter& mutated_;
  Counter& not_mutated_;
  Histogram& latency_;
  Counter& policy_reviews_;

  std::atomic<bool> version_known_ = false;
  std::atomic<bool> app_armor_field_ = false;
  std::atomic<bool> draining_ = false;
  mutable std::mutex mutex_;  // of the next two
  std::shared_ptr<const WorkloadPolicies> policies_;
  std::function<std::vector<std::string>()> readiness_;
  // Last: its threads use the others.
  std::unique_ptr<HttpServer> http_;
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_ADMISSION_ADMISSION_SERVER_H_
