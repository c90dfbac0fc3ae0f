// HTTP requests from many threads over one connection: a thread of libcurl's that the callers wait
// for. HTTP/2 where the server offers it, so that watches and calls share a connection.
#ifndef RUNTIME_KUBE_HTTP_TRANSPORT_H_
#define RUNTIME_KUBE_HTTP_TRANSPORT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace varmor {

struct HttpCall {
  std::string method;
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string body;
  // PEM; "" for none. A call whose TLS differs from that of a connection gets another connection.
  std::string ca, client_certificate, client_key;
  // "HOST:PORT:ADDRESS:PORT2" as curl's CURLOPT_CONNECT_TO; "" for none.
  std::string connect_to;
  std::string proxy;
  std::string user_agent;
  // Of the whole call; absl::InfiniteDuration() for a stream.
  absl::Duration limit = absl::Seconds(30);
  // How long nothing may come, whole seconds; zero for as long as `limit`.
  absl::Duration silence;
};

struct HttpReply {
  int code = 0;
  std::string body;
  std::string retry_after;  // the header, or ""
};

class HttpTransport {
 public:
  HttpTransport();
  // All calls must have returned.
  ~HttpTransport();

  HttpTransport(const HttpTransport&) = delete;
  HttpTransport& operator=(const HttpTransport&) = delete;

  // The answer, whatever its code. UNAVAILABLE: no connection, or it broke, or the stream was
  // silent; DEADLINE_EXCEEDED: the limit passed after the request was sent; RESOURCE_EXHAUSTED: an
  // answer of more than 512 MiB; CANCELLED after Cancel().
  absl::Status Perform(const HttpCall& call, HttpReply* reply);

  // The same for an answer that comes piece by piece. `on_data` gets pieces of the body of an
  // answer with code 200, in this thread; the body of any other answer is in `reply`. CANCELLED
  // when `on_data` returns false or `cancelled`, asked about once a second, returns true.
  // RESOURCE_EXHAUSTED when 64 MiB wait for `on_data`.
  absl::Status Stream(const HttpCall& call, HttpReply* reply,
                      const std::function<bool(absl::string_view data)>& on_data,
                      const std::function<bool()>& cancelled);

  // Ends all calls, and those to come, with CANCELLED.
  void Cancel();

 private:
  class Loop;
  const std::unique_ptr<Loop> loop_;
};

}  // namespace varmor

#endif  // RUNTIME_KUBE_HTTP_TRANSPORT_H_
