// KubeClient over HTTP/2 and TLS (libcurl).
//
//     KubeHttpClientOptions options;
//     VARMOR_ASSIGN_OR_RETURN(options.config, InClusterKubeConfig(getenv(...), getenv(...)));
//     options.user_agent = "varmor-manager/0.11.0";
//     VARMOR_ASSIGN_OR_RETURN(auto client, KubeHttpClient::Create(options));
//
// All calls and watches of one client share a connection. The renewal of a Lease gets a client of
// its own, so that nothing stands before it.
#ifndef RUNTIME_KUBE_KUBE_HTTP_CLIENT_H_
#define RUNTIME_KUBE_KUBE_HTTP_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/kube/kube_client.h"
#include "runtime/kube/kube_config.h"

namespace varmor {

struct KubeHttpClientOptions {
  KubeConfig config;
  // "varmor-ROLE/VERSION". What is before the slash is the field manager of writes.
  std::string user_agent = "varmor/0";
  // Requests per second in the long run, and at once; Leases are not counted. qps zero: no limit.
  double qps = 100;
  int burst = 200;
  // Of one request; a list has one for each page. Waiting for the rate limit comes on top.
  absl::Duration call_limit = absl::Seconds(30);
  // Bookmarks come about once a minute (spec of the watch cache: bookmarkFrequency in
  // apiserver/pkg/storage/cacher), so a watch that is silent for longer than two is dead.
  absl::Duration watch_silence = absl::Seconds(150);
  // The server is asked to end a watch after a time between this and its double.
  absl::Duration watch_length = absl::Minutes(5);
  int page_size = 500;
  // How often files of certificates and tokens are read.
  absl::Duration credentials_period = absl::Minutes(1);
};

class KubeHttpClient : public KubeClient {
 public:
  using KubeClient::Create;  // of objects

  // INVALID_ARGUMENT for options that make no sense; the errors of ReadFileWhole for files that
  // `config` names and that cannot be read. Does not ask the server anything.
  static absl::StatusOr<std::unique_ptr<KubeHttpClient>> Create(
      const KubeHttpClientOptions& options);

  // Makes all calls, now and later, return CANCELLED. For the end of a process, from any thread.
  virtual void Cancel() = 0;
};

}  // namespace varmor

#endif  // RUNTIME_KUBE_KUBE_HTTP_CLIENT_H_
