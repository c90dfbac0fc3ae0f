// The service that agents report to: who may, what they say, and what they are answered. Called in
// the threads of an HttpServer.
#ifndef RUNTIME_MANAGER_STATUS_SERVICE_H_
#define RUNTIME_MANAGER_STATUS_SERVICE_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/http/http_server.h"
#include "runtime/manager/report_store.h"
#include "runtime/manager/token_checker.h"
#include "runtime/metrics/metrics.h"

namespace varmor {

struct StatusServiceOptions {
  std::string install_namespace = "varmor";
  // The service account of agents.
  std::string agent_account = "varmor-agent";
};

class StatusService {
 public:
  // `node_of_pod` says on which node a pod of the agents runs, "" when there is no such pod. All
  // arguments must outlive the service.
  StatusService(StatusServiceOptions options, TokenChecker& tokens, ReportStore& reports,
                std::function<std::string(const std::string& pod)> node_of_pod, Metrics& metrics);

  // Answers whoever need not be listened to further: everything that needs no body, and everybody
  // without an agent's token. For HttpServerOptions::before_body.
  std::optional<HttpResponse> HandleHeader(const HttpRequest& request);
  // GET kHealthPath: 200. POST kStatusPath, kNodePath, kBehaviorDataPath, with the token in the
  // header "Token":
  //   200; to kNodePath with a NodeReportAnswer
  //   400 a body that is none; a recording, which this manager does not take
  //   401 no token, or one that is not good
  //   403 the token of somebody else than an agent, or of the agent of another node
  //   503 with Retry-After: the token cannot be checked now
  // Others: 404, 405.
  HttpResponse Handle(const HttpRequest& request);

  // Drops what is counted of a node that is deleted: there would be ever more of them.
  void ForgetNode(const std::string& node);

 private:
  // 200 for a report of an agent; `identity` then says which.
  HttpResponse CheckHeader(const HttpRequest& request, TokenIdentity& identity);
  // 200 when the token is an agent's; `identity` then says which.
  HttpResponse Authenticate(const HttpRequest& request, TokenIdentity& identity);
  // Whether the identity is that of the agent of `node`.
  bool IsAgentOf(const TokenIdentity& identity, const std::string& node, std::string& problem);
  HttpResponse HandleStatus(const HttpRequest& request, const TokenIdentity& identity);
  HttpResponse HandleNode(const HttpRequest& request, const TokenIdentity& identity);

  const StatusServiceOptions options_;
  TokenChecker& tokens_;
  ReportStore& reports_;
  const std::function<std::string(const std::string& pod)> node_of_pod_;
  Counter& successes_;
  Counter& failures_;
  Counter& changes_;
  Counter& requests_;
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_STATUS_SERVICE_H_
