// An HTTP/1.1 server of few, short requests, with or without TLS: the manager's webhook and status
// service, and the health and metrics pages of both daemons.
//
//     HttpServerOptions options;
//     options.port = 8081;
//     VARMOR_ASSIGN_OR_RETURN(auto server, HttpServer::Start(options, [](const HttpRequest& request) {
//       return request.path == "/healthz" ? HttpResponse{200, "text/plain", "ok"} : HttpResponse{404};
//     }));
#ifndef RUNTIME_HTTP_HTTP_SERVER_H_
#define RUNTIME_HTTP_HTTP_SERVER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace varmor {

struct HttpRequest {
  std::string method;
  // Without the query, which starts after '?'.
  std::string path;
  std::string query;
  // Names in lower case.
  std::map<std::string, std::string> headers;
  std::string body;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::map<std::string, std::string> headers;
};

// Called in the threads of the server, several at once when there are several.
using HttpHandler = std::function<HttpResponse(const HttpRequest& request)>;

// PEM text.
struct TlsPair {
  std::string certificate;
  std::string key;
};

struct HttpServerOptions {
  std::string address = "0.0.0.0";
  uint16_t port = 0;  // 0: a free one
  // Both empty: no TLS. TLS 1.2 or newer.
  TlsPair tls;
  int threads = 1;
  // Limits of one connection and of all.
  size_t body_limit = 16 << 20;
  absl::Duration read_timeout = absl::Seconds(35);  // of a handshake or a request
  absl::Duration idle_timeout = absl::Seconds(200);
  size_t connections = 4096;  // the longest idle one goes when one more comes
};

class HttpServer {
 public:
  // Listens when it returns. INVALID_ARGUMENT for TLS that does not load; UNAVAILABLE for an
  // address that cannot be had, with the reason.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                           HttpHandler handler);
  // Ends connections at once. Call Drain before to let requests finish.
  virtual ~HttpServer() = default;

  virtual uint16_t port() const = 0;
  // For handshakes from now on; connections that exist keep what they have. On an error the pair
  // before stays.
  virtual absl::Status SetTls(const TlsPair& tls) = 0;
  // Accepts no more and waits for requests under way.
  virtual void Drain(absl::Duration limit) = 0;
};

}  // namespace varmor

#endif  // RUNTIME_HTTP_HTTP_SERVER_H_
