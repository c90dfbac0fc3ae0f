// Where an API server is and how to log in: from inside a pod, or from a kubeconfig file.
#ifndef RUNTIME_KUBE_KUBE_CONFIG_H_
#define RUNTIME_KUBE_KUBE_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace varmor {

// A text that is in a file, read anew from time to time, or given. Neither: there is none.
struct KubeText {
  std::string file;
  std::string text;
};

struct KubeConfig {
  // "https://10.0.0.1:443", without a slash at the end. "http://" only for loopback addresses.
  std::string server;
  // PEM.
  KubeText ca;
  KubeText client_certificate, client_key;
  KubeText token;
  // The name to expect in the server's certificate; "" for the one of the address.
  std::string tls_server_name;
  // "" for none. Proxies of the environment are not used.
  std::string proxy;
  // Where the pod runs, or the namespace of the context; may be "".
  std::string name_space;
};

// From KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, which the caller takes from the
// environment, and the files token, ca.crt and namespace that a pod finds in `directory`.
// FAILED_PRECONDITION when host or port is empty; INVALID_ARGUMENT for a port that is none. The
// files are read later.
absl::StatusOr<KubeConfig> InClusterKubeConfig(
    absl::string_view host, absl::string_view port,
    absl::string_view directory = "/var/run/secrets/kubernetes.io/serviceaccount");

// One context of a kubeconfig file in YAML or JSON; "" for its current one. Names of files in it
// are relative to its directory. Client certificates and tokens are supported.
// INVALID_ARGUMENT names the file, all mistakes and what to do: among them logins by exec,
// auth-provider or password, and servers whose certificate would not be checked. Reading errors
// are those of ReadFileWhole.
absl::StatusOr<KubeConfig> LoadKubeConfig(const std::string& path, absl::string_view context = "");

}  // namespace varmor

#endif  // RUNTIME_KUBE_KUBE_CONFIG_H_
