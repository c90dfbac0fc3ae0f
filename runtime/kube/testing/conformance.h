// One suite for every KubeClient: what kube-apiserver does, and the fake with it. A test binary
// links it and says what to test; the world it needs is an empty server.
#ifndef RUNTIME_KUBE_TESTING_CONFORMANCE_H_
#define RUNTIME_KUBE_TESTING_CONFORMANCE_H_

#include "runtime/kube/kube_client.h"

namespace varmor {

class ConformanceTarget {
 public:
  virtual ~ConformanceTarget() = default;
  virtual KubeClient& client() = 0;
  // Makes version 1 of a custom resource too old to watch from, if it is not.
  virtual void ForgetVersionOne() = 0;
};

// Defined by the test binary. Lives as long as the process.
ConformanceTarget& TheConformanceTarget();

// A custom resource without a schema, with a status subresource.
extern const KubeResource kWidgets;

// Creates its definition and waits until the server serves it; does nothing the next time.
absl::Status InstallWidgets(KubeClient& client);

}  // namespace varmor

#endif  // RUNTIME_KUBE_TESTING_CONFORMANCE_H_
