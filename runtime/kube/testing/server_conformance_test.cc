// The conformance suite over kube-apiserver. Needs tools/kube/run.
#include "runtime/kube/testing/conformance.h"
#include "runtime/kube/testing/server_environment.h"

namespace varmor {
namespace {

class ServerTarget : public ConformanceTarget {
 public:
  // Pages that are smaller than the lists of the tests.
  ServerTarget() {
    KubeHttpClientOptions options;
    options.page_size = 3;
    client_ = ServerClient(options);
  }
  KubeClient& client() override { return *client_; }
  // The server's memory of a custom resource begins with the resource, long after version 1.
  void ForgetVersionOne() override {}

 private:
  std::unique_ptr<KubeHttpClient> client_;
};

}  // namespace

ConformanceTarget& TheConformanceTarget() {
  static auto& target = *new ServerTarget;
  return target;
}

}  // namespace varmor
