#include "runtime/kube/testing/server_environment.h"

#include <cstdlib>
#include <iostream>
#include <utility>

namespace varmor {
namespace {

template <typename T>
T OrDie(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::cerr << result.status() << "\n";
    std::exit(2);
  }
  return *std::move(result);
}

}  // namespace

std::string ServerVariable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') {
    std::cerr << name << " is not set: this test needs an API server; run it with tools/kube/run\n";
    std::exit(2);
  }
  return value;
}

std::unique_ptr<KubeHttpClient> ServerClient(KubeHttpClientOptions options) {
  options.config = OrDie(LoadKubeConfig(ServerVariable("KUBECONFIG")));
  return OrDie(KubeHttpClient::Create(options));
}

std::unique_ptr<KubeHttpClient> ServerClientWithToken(const KubeText& token,
                                                      KubeHttpClientOptions options) {
  options.config = KubeConfig();
  options.config.server = ServerVariable("KUBE_SERVER");
  options.config.ca.file = ServerVariable("KUBE_CA");
  options.config.token = token;
  return OrDie(KubeHttpClient::Create(options));
}

}  // namespace varmor
