// The conformance suite over the fake.
#include "runtime/kube/testing/conformance.h"
#include "runtime/kube/testing/fake_kube_client.h"

namespace varmor {
namespace {

class FakeTarget : public ConformanceTarget {
 public:
  KubeClient& client() override { return client_; }
  void ForgetVersionOne() override { client_.Compact(); }

 private:
  FakeKubeClient client_;
};

}  // namespace

ConformanceTarget& TheConformanceTarget() {
  static auto& target = *new FakeTarget;
  return target;
}

}  // namespace varmor
