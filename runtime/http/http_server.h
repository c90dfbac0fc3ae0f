// An HTTP/1.1 server of few, short requests, with or without TLS: the manager's webhook and status
// service, and the health and metrics pages of both daemons.
//
//     HttpServerOptions options;
//     options.port = 8081;
//     VARMOR_ASSIGN_OR_RETURN(auto server, HttpServer::Start(options, [](const HttpRequest&
//     request) {
//       return request.path == "/healthz" ? HttpResponse{200, "text/plain", "ok"} :
//       HttpResponse{404};
//     }));
#ifndef RUNTIME_HTTP_HTTP_SERVER_H_
#define RUNTIME_HTTP_HTTP_SERVER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/http/tls_pair.h"

namespace varmor {

struct HttpRequest {
  std::string method;
  // As sent, without the query, which starts after '?'. Nothing is decoded.
  std::string path;
  std::string query;
  // Names in lower case. Values of a name that comes more than once are joined by ", ".
  std::map<std::string, std::string> headers;
  std::string body;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::map<std::string, std::string> headers;
};

// Called in the threads of the server, several at once when there are several; no other request is
// answered by a thread meanwhile. What it throws becomes an answer 500.
using HttpHandler = std::function<HttpResponse(const HttpRequest& request)>;
// Called like HttpHandler before the body of a request is read, which `request` does not have yet.
// With an answer the body is never read; nullopt: the body is wanted, and HttpHandler answers.
using HttpHeaderHandler = std::function<std::optional<HttpResponse>(const HttpRequest& request)>;

struct HttpServerOptions {
  std::string address = "0.0.0.0";
  uint16_t port = 0;  // 0: a free one
  // Both empty: no TLS. TLS 1.2 or newer.
  TlsPair tls;
  int threads = 1;
  // Empty: bodies are read from everybody.
  HttpHeaderHandler before_body;
  // Limits of one connection and of all. A larger body is answered by 413, a header over 16 KiB by
  // 431, what is not HTTP by 400; then the connection ends. 0: no bodies.
  size_t body_limit = 0;
  // Bytes of all bodies that are being read and all answers that are being written. The one with
  // such bytes that has waited longest for its client goes when there would be more. Bodies in a
  // handler do not count: there are at most `threads`.
  size_t memory_limit = 32 << 20;
  // From accepting to the first byte of a request, from there to its last, and of its answer.
  absl::Duration read_timeout = absl::Seconds(35);
  absl::Duration idle_timeout = absl::Seconds(200);  // between requests
  // The one that has waited longest for its client goes when one more comes, also when there is no
  // file descriptor for it.
  size_t connections = 4096;
};

class HttpServer {
 public:
  // Listens when it returns. INVALID_ARGUMENT for TLS that does not load, for a number below 1
  // and for a body_limit above the memory_limit; UNAVAILABLE for an address that cannot be had,
  // with the reason.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                           HttpHandler handler);
  // Ends connections at once, after the handlers that run. Call Drain before to let requests
  // finish.
  virtual ~HttpServer() = default;

  virtual uint16_t port() const = 0;
  // For connections from now on; those that exist keep what they have. INVALID_ARGUMENT: the pair
  // does not load, and the one before stays.
  virtual absl::Status SetTls(const TlsPair& tls) = 0;
  // Accepts no more, ends idle connections and waits for requests under way, which are answered
  // with "Connection: close". Those that take longer than `limit` go on until the destructor.
  virtual void Drain(absl::Duration limit) = 0;
};

}  // namespace varmor

#endif  // RUNTIME_HTTP_HTTP_SERVER_H_
