#include "runtime/manager/admission/admission_server.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "runtime/manager/admission/mutate.h"
#include "runtime/manager/registration/webhook_configurations.h"

namespace varmor {
namespace {

constexpr char kLivenessPath[] = "/health/liveness";
constexpr char kReadinessPath[] = "/health/readiness";
constexpr char kJson[] = "application/json";
// An API server sends at most 3 MiB of object, twice for updates.
constexpr size_t kBodyLimit = 8 << 20;
constexpr absl::Duration kReadTimeout = absl::Seconds(15);
// securityContext.appArmorProfile: Kubernetes 1.30.
constexpr int kAppArmorFieldMinor = 30;

HttpResponse Answer(int status, absl::string_view text) {
  HttpResponse response;
  response.status = status;
  response.body = absl::StrCat(text, "\n");
  return response;
}

// The word, if it is one of `known`: labels come from whoever sends a request, and must not grow
// without end.
std::string Known(const std::string& word, std::initializer_list<absl::string_view> known) {
  for (const absl::string_view each : known) {
    if (word == each) return word;
  }
  return "other";
}

std::string KindLabel(const std::string& kind) {
  return Known(kind, {"Deployment", "StatefulSet", "DaemonSet", "Pod", "VarmorPolicy",
                      "VarmorClusterPolicy"});
}

std::string OperationLabel(const std::string& operation) {
  return Known(operation, {"CREATE", "UPDATE"});
}

bool IsJson(const HttpRequest& request) {
  const auto type = request.headers.find("content-type");
  if (type == request.headers.end()) return false;
  const std::vector<absl::string_view> parts = absl::StrSplit(type->second, ';');
  return absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(parts.front()), kJson);
}

std::string KeyOf(absl::string_view name_space, absl::string_view name) {
  return name_space.empty() ? std::string(name) : absl::StrCat(name_space, "/", name);
}

AdmissionRecord RecordOf(bool mutating, const AdmissionRequest& request) {
  AdmissionRecord record;
  record.mutating = mutating;
  record.what = absl::StrCat(request.operation, " ", request.kind, " ",
                             KeyOf(request.name_space, request.name));
  record.name_space = request.name_space;
  record.kind = request.kind;
  record.name = request.name;
  record.dry_run = request.dry_run;
  return record;
}

}  // namespace

AdmissionServer::AdmissionServer(const AdmissionServerOptions& options, const Catalogue& catalogue,
                                 Metrics& metrics)
    : options_(options),
      catalogue_(catalogue),
      requests_(metrics.AddCounter("varmor_admission_requests_total",
                                   "Requests of the mutating webhook.")),
      mutated_(metrics.AddCounter("varmor_mutated_requests_total",
                                  "Requests whose workload was changed.")),
      not_mutated_(metrics.AddCounter("varmor_non_mutated_requests_total",
                                      "Requests whose workload was left as it was.")),
      latency_(metrics.AddHistogram(
          "varmor_webhook_latency", "Seconds to answer a request of the mutating webhook.",
          {"request_kind", "request_operation", "request_mutated"}, RequestSeconds())),
      policy_reviews_(metrics.AddCounter("varmor_policy_reviews_total",
                                         "Requests of the validating webhook.",
                                         {"request_kind", "request_operation", "allowed"})) {}

absl::StatusOr<std::unique_ptr<AdmissionServer>> AdmissionServer::Start(
    const AdmissionServerOptions& options, const Catalogue& catalogue, Metrics& metrics) {
  std::unique_ptr<AdmissionServer> server(new AdmissionServer(options, catalogue, metrics));
  HttpServerOptions http;
  http.address = options.address;
  http.port = options.port;
  http.tls = options.tls;
  http.threads = options.threads;
  http.body_limit = kBodyLimit;
  http.read_timeout = kReadTimeout;
  http.before_body = [raw = server.get()](const HttpRequest& request) {
    return raw->HandleHeader(request);
  };
  auto started = HttpServer::Start(
      http, [raw = server.get()](const HttpRequest& request) { return raw->Review(request); });
  if (!started.ok()) return started.status();
  server->http_ = *std::move(started);
  return server;
}

void AdmissionServer::SetPolicies(std::shared_ptr<const WorkloadPolicies> policies) {
  const std::lock_guard<std::mutex> lock(mutex_);
  policies_ = std::move(policies);
}

std::shared_ptr<const WorkloadPolicies> AdmissionServer::Policies() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return policies_;
}

absl::Status AdmissionServer::SetServerVersion(absl::string_view major, absl::string_view minor) {
  int major_number = 0;
  int minor_number = 0;
  // Some distributions write "30+".
  if (!absl::SimpleAtoi(major, &major_number) ||
      !absl::SimpleAtoi(absl::StripSuffix(minor, "+"), &minor_number)) {
    return absl::InvalidArgumentError(absl::StrCat("the API server's version is \"", major, ".",
                                                   minor, "\", which is no pair of numbers"));
  }
  app_armor_field_ = major_number > 1 || (major_number == 1 && minor_number >= kAppArmorFieldMinor);
  version_known_ = true;
  return absl::OkStatus();
}

void AdmissionServer::SetReadinessCheck(std::function<std::vector<std::string>()> reasons) {
  const std::lock_guard<std::mutex> lock(mutex_);
  readiness_ = std::move(reasons);
}

void AdmissionServer::Drain(absl::Duration limit) {
  draining_ = true;
  http_->Drain(limit);
}

std::optional<HttpResponse> AdmissionServer::HandleHeader(const HttpRequest& request) {
  const bool health = request.path == kLivenessPath || request.path == kReadinessPath;
  const bool mutating = request.path == kMutatePath || request.path == kReleasePath;
  if (!health && !mutating && request.path != kValidatePath) return Answer(404, "not found");
  if (request.method != (health ? "GET" : "POST")) {
    HttpResponse response = Answer(405, absl::StrCat("use ", health ? "GET" : "POST"));
    response.headers["Allow"] = health ? "GET" : "POST";
    return response;
  }
  if (request.path == kLivenessPath) return Answer(200, "ok");
  if (request.path == kReadinessPath) return Ready();
  if (!IsJson(request)) return Answer(415, absl::StrCat("Content-Type has to be ", kJson));
  return std::nullopt;
}

HttpResponse AdmissionServer::Ready() {
  std::vector<std::string> reasons;
  std::function<std::vector<std::string>()> more;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (policies_ == nullptr) reasons.push_back("the policies are not known yet");
    more = readiness_;
  }
  if (!version_known_) reasons.push_back("the API server's version is not known yet");
  if (draining_) reasons.push_back("the server is going down");
  if (more != nullptr) {
    for (std::string& each : more()) reasons.push_back(std::move(each));
  }
  return reasons.empty() ? Answer(200, "ok") : Answer(503, absl::StrJoin(reasons, "\n"));
}

HttpResponse AdmissionServer::Review(const HttpRequest& http_request) {
  const absl::Time start = absl::Now();
  const bool mutating = http_request.path != kValidatePath;
  const bool only_release = http_request.path == kReleasePath;
  const absl::StatusOr<AdmissionRequest> request = ParseAdmissionReview(http_request.body);
  if (!request.ok()) return Answer(417, request.status().message());
  AdmissionRecord record = RecordOf(mutating, *request);
  const absl::StatusOr<AdmissionAnswer> answer =
      mutating ? MutateRequest(*request, only_release, record) : ValidateRequest(*request, record);
  if (mutating) {
    latency_.Observe({KindLabel(request->kind), OperationLabel(request->operation),
                      record.mutated ? "true" : "false"},
                     absl::ToDoubleSeconds(absl::Now() - start));
  }
  if (!answer.ok()) record.message = std::string(answer.status().message());
  if (options_.observe != nullptr) options_.observe(record);
  if (!answer.ok()) return Answer(500, answer.status().message());
  HttpResponse response;
  response.content_type = kJson;
  response.body = AdmissionReviewText(request->uid, *answer);
  return response;
}

absl::StatusOr<AdmissionAnswer> AdmissionServer::MutateRequest(const AdmissionRequest& request,
                                                               bool only_release,
                                                               AdmissionRecord& record) {
  const std::shared_ptr<const WorkloadPolicies> policies = Policies();
  TemplateOptions options;
  options.app_armor_field = app_armor_field_;
  options.bpf_exclusive = options_.bpf_exclusive;
  if (policies == nullptr) {
    requests_.Add();
    not_mutated_.Add();
    return AdmissionAnswer();
  }
  IsGone is_gone;
  if (options_.is_gone != nullptr) {
    is_gone = [&](const std::string& name) { return options_.is_gone(request.name_space, name); };
  }
  Mutation mutation = only_release ? Release(request, *policies, absl::Now(), is_gone)
                                   : Mutate(request, *policies, options, absl::Now(), is_gone);
  for (const WorkloadPolicy* each : mutation.matching) {
    record.policies.push_back(KeyOf(each->name_space, each->name));
  }
  for (MutationRemark& each : mutation.remarks) {
    record.remarks.push_back(
        {each.kind, each.policy->name_space, each.policy->name, std::move(each.text)});
  }
  record.allowed = mutation.answer.allowed;
  record.message = mutation.answer.message;
  record.released = std::move(mutation.released);
  record.mutated = !mutation.answer.patch.is_null();
  requests_.Add();
  (record.mutated ? mutated_ : not_mutated_).Add();
  return std::move(mutation.answer);
}

absl::StatusOr<AdmissionAnswer> AdmissionServer::ValidateRequest(const AdmissionRequest& request,
                                                                 AdmissionRecord& record) {
  const std::shared_ptr<const WorkloadPolicies> policies = Policies();
  static const auto* const none = new WorkloadPolicies();
  absl::StatusOr<AdmissionAnswer> answer =
      Validate(request, {options_.features, catalogue_, policies == nullptr ? *none : *policies,
                         options_.find_model});
  record.allowed = answer.ok() && answer->allowed;
  if (answer.ok()) record.message = answer->message;
  policy_reviews_.Add({KindLabel(request.kind), OperationLabel(request.operation),
                       record.allowed ? "true" : "false"});
  return answer;
}

}  // namespace varmor
