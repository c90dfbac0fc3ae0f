// The manager's status service, by HTTPS.
#ifndef RUNTIME_AGENT_MANAGER_CLIENT_H_
#define RUNTIME_AGENT_MANAGER_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/agent/manager_reporter.h"

namespace varmor {

class HttpTransport;  // runtime/kube/http_transport.h

struct ManagerClientOptions {
  // "https://varmor-status-svc.varmor:8080".
  std::string url;
  // Files that are read before each call: they are changed now and then. The token goes into the
  // header "Token"; "": none is sent.
  std::string token_file = "/var/run/secrets/tokens/bound-token";
  std::string ca_file = "/etc/varmor/ca/ca.crt";
  absl::Duration limit = absl::Seconds(40);
};

class ManagerClient {
 public:
  explicit ManagerClient(ManagerClientOptions options);
  ~ManagerClient();

  // See ManagerPost. The certificate is always checked.
  absl::StatusOr<std::string> Post(const std::string& path, const std::string& body,
                                   absl::Duration& retry_after);
  // Ends calls, and those to come. From any thread.
  void Cancel();

 private:
  const ManagerClientOptions options_;
  const std::unique_ptr<HttpTransport> transport_;
};

}  // namespace varmor

#endif  // RUNTIME_AGENT_MANAGER_CLIENT_H_
