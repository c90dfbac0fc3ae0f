// The manager's certificates in the cluster: two Secrets, and the public part in a ConfigMap for
// agents. All replicas may call everything at any time; conflicts are settled by the API server.
#ifndef RUNTIME_MANAGER_CERTIFICATES_CERTIFICATE_STORE_H_
#define RUNTIME_MANAGER_CERTIFICATES_CERTIFICATE_STORE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/kube/kube_client.h"
#include "runtime/manager/certificates/certificate_plan.h"

namespace varmor {

// "varmor-webhook-svc.NAMESPACE.varmor-tls-ca": rootCA.crt (what to trust, maybe more than one) and
// rootCA.key. Names and the first key are vArmor's.
std::string AuthoritySecretName(absl::string_view name_space);
// "varmor-webhook-svc.NAMESPACE.varmor-tls-pair": tls.crt and tls.key.
std::string PairSecretName(absl::string_view name_space);
// Holds `ca.crt`, a copy of rootCA.crt.
inline constexpr char kAuthorityConfigMap[] = "varmor-ca";

struct Certificates {
  // As stored now.
  CertificateState state;
  // What this call changed and why; "" when nothing.
  std::string reason;
  absl::Time leaf_end;
};

// Reads the Secrets, makes what is missing or old (PlanCertificates), stores it and copies the
// authorities to the ConfigMap. Cheap when nothing is to be done: three reads. Call it at the start
// and every half minute; serve `state.leaf` when it is another than before, and register
// `state.authorities`. Errors are those of the client; ABORTED after several conflicts in a row.
absl::StatusOr<Certificates> EnsureCertificates(KubeClient& client, absl::string_view name_space,
                                                const std::vector<std::string>& names,
                                                absl::Time now);

// Deletes both Secrets and the ConfigMap. OK when they are gone already.
absl::Status RemoveCertificates(KubeClient& client, absl::string_view name_space);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_CERTIFICATES_CERTIFICATE_STORE_H_
