// The API server that tools/kube/run started for a test.
#ifndef RUNTIME_KUBE_TESTING_SERVER_ENVIRONMENT_H_
#define RUNTIME_KUBE_TESTING_SERVER_ENVIRONMENT_H_

#include <string>

#include "runtime/kube/kube_config.h"
#include "runtime/kube/kube_http_client.h"

namespace varmor {

// A variable that tools/kube/up.sh names (KUBECONFIG, KUBE_SERVER, ...). Ends the process, and says
// how to run the test, when it is missing.
std::string ServerVariable(const char* name);

// A client of it as administrator, with `options` as given but for the configuration.
std::unique_ptr<KubeHttpClient> ServerClient(KubeHttpClientOptions options = {});

// The same as the holder of a token.
std::unique_ptr<KubeHttpClient> ServerClientWithToken(const KubeText& token,
                                                      KubeHttpClientOptions options = {});

}  // namespace varmor

#endif  // RUNTIME_KUBE_TESTING_SERVER_ENVIRONMENT_H_
