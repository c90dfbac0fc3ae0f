#include "runtime/manager/status_service.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "runtime/protocol/names.h"
#include "runtime/protocol/node_report.h"

namespace varmor {
namespace {

// Where vArmor's manager has models, by namespace and name.
bool IsAboutModels(const std::string& path) {
  return absl::StartsWith(path, absl::StrCat("/apis/", kPolicyApiVersion, "/"));
}

HttpResponse Answer(int status, absl::string_view text) {
  HttpResponse response;
  response.status = status;
  if (!text.empty()) response.body = absl::StrCat(text, "\n");
  return response;
}

HttpResponse TryAgain(absl::string_view text) {
  HttpResponse response = Answer(503, text);
  response.headers["Retry-After"] = "1";
  return response;
}

}  // namespace

StatusService::StatusService(StatusServiceOptions options, TokenChecker& tokens,
                             ReportStore& reports,
                             std::function<std::string(const std::string& pod)> node_of_pod,
                             Metrics& metrics)
    : options_(std::move(options)),
      tokens_(tokens),
      reports_(reports),
      node_of_pod_(std::move(node_of_pod)),
      successes_(metrics.AddCounter("varmor_profile_processing_success_total",
                                    "Profiles that nodes reported as loaded.", {"node_name"})),
      failures_(metrics.AddCounter("varmor_profile_processing_failure_total",
                                   "Profiles that nodes reported as failed.", {"node_name"})),
      changes_(metrics.AddCounter("varmor_profile_change_count_total",
                                  "Reports of nodes about one profile.", {"node_name"})),
      requests_(metrics.AddCounter("varmor_status_requests_total",
                                   "Requests to the status service by answer.", {"code"})) {}

std::optional<HttpResponse> StatusService::HandleHeader(const HttpRequest& request) {
  if (request.path == kHealthPath) {
    if (request.method != "GET") return Answer(405, "");
    HttpResponse response;
    response.body = "ok";
    return response;
  }
  TokenIdentity identity;
  HttpResponse refused = CheckHeader(request, identity);
  if (refused.status == 200) return std::nullopt;
  requests_.Add({absl::StrCat(refused.status)});
  return refused;
}

HttpResponse StatusService::Handle(const HttpRequest& request) {
  if (request.path == kHealthPath) return *HandleHeader(request);
  TokenIdentity identity;
  HttpResponse response = CheckHeader(request, identity);
  if (response.status == 200) {
    response = request.path == kStatusPath ? HandleStatus(request, identity)
                                           : HandleNode(request, identity);
  }
  requests_.Add({absl::StrCat(response.status)});
  return response;
}

void StatusService::ForgetNode(const std::string& node) {
  for (Counter* counter : {&successes_, &failures_, &changes_}) {
    counter->RemoveIf([&](const LabelValues& values) { return values[0] == node; });
  }
}

HttpResponse StatusService::CheckHeader(const HttpRequest& request, TokenIdentity& identity) {
  if (IsAboutModels(request.path)) {
    return Answer(404,
                  "this version of the manager neither exports nor imports ArmorProfileModels; "
                  "kubectl reads and writes them");
  }
  if (request.path != kStatusPath && request.path != kNodePath &&
      request.path != kBehaviorDataPath) {
    return Answer(404, "");
  }
  if (request.method != "POST") return Answer(405, "");
  HttpResponse response = Authenticate(request, identity);
  if (response.status == 200 && request.path == kBehaviorDataPath) {
    return Answer(400, "this version of the manager collects no recordings");
  }
  return response;
}

HttpResponse StatusService::Authenticate(const HttpRequest& request, TokenIdentity& identity) {
  const auto token = request.headers.find(kTokenHeader);
  if (token == request.headers.end()) return Answer(401, "header Token is missing");
  absl::StatusOr<TokenIdentity> checked = tokens_.Check(token->second);
  if (!checked.ok()) {
    return absl::IsUnauthenticated(checked.status()) ? Answer(401, checked.status().message())
                                                     : TryAgain(checked.status().message());
  }
  identity = *std::move(checked);
  const std::string agent = absl::StrCat("system:serviceaccount:", options_.install_namespace, ":",
                                         options_.agent_account);
  if (identity.user != agent) {
    return Answer(403, absl::StrCat("the token is that of ", Quoted(identity.user), ", not of ",
                                    Quoted(agent)));
  }
  return Answer(200, "");
}

bool StatusService::IsAgentOf(const TokenIdentity& identity, const std::string& node,
                              std::string& problem) {
  std::string own = identity.node;
  if (own.empty() && !identity.pod.empty()) own = node_of_pod_(identity.pod);
  if (own == node) return true;
  problem = own.empty() ? "the token is bound to no pod of an agent"
                        : absl::StrCat("the token is that of the agent of node ", Quoted(own),
                                       ", not of ", Quoted(node));
  return false;
}

HttpResponse StatusService::HandleStatus(const HttpRequest& request,
                                         const TokenIdentity& identity) {
  const absl::StatusOr<ProfileStatus> status = ParseProfileStatus(request.body);
  if (!status.ok()) return Answer(400, status.status().message());
  std::string problem;
  if (!IsAgentOf(identity, status->node_name, problem)) return Answer(403, problem);
  changes_.Add({status->node_name});
  if (status->state != ProfileState::kRetired) {
    (status->state == ProfileState::kSucceeded ? successes_ : failures_).Add({status->node_name});
  }
  reports_.Add(*status);
  return Answer(200, "");
}

HttpResponse StatusService::HandleNode(const HttpRequest& request, const TokenIdentity& identity) {
  const absl::StatusOr<NodeReport> report = ParseNodeReport(request.body);
  if (!report.ok()) return Answer(400, report.status().message());
  std::string problem;
  if (!IsAgentOf(identity, report->node_name, problem)) return Answer(403, problem);
  HttpResponse response;
  response.content_type = "application/json";
  response.body = JsonText(NodeReportAnswerJson(reports_.Add(*report)));
  return response;
}

}  // namespace varmor
