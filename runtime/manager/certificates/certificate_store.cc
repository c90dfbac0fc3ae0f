#include "runtime/manager/certificates/certificate_store.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/kube/kube_object.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

constexpr char kAuthorityCertificateKey[] = "rootCA.crt";
constexpr char kAuthorityPrivateKey[] = "rootCA.key";
constexpr char kCertificateKey[] = "tls.crt";
constexpr char kPrivateKey[] = "tls.key";
constexpr char kConfigMapKey[] = "ca.crt";
constexpr char kSelfSignedAnnotation[] = "self-signed-cert";
constexpr int kTries = 5;

// An object as stored; null when there is none.
absl::StatusOr<Json> Find(KubeClient& client, const KubeResource& resource,
                          absl::string_view name_space, const std::string& name) {
  absl::StatusOr<Json> object = client.Get(resource, name_space, name);
  if (absl::IsNotFound(object.status())) return Json();
  return object;
}

// "" when it is missing or not base64: then it is made anew.
std::string SecretText(const Json& secret, const char* key) {
  std::string text;
  return absl::Base64Unescape(TextAt(secret, {"data", key}), &text) ? text : "";
}

Json Encoded(const std::string& text) { return absl::Base64Escape(text); }

// Creates `wanted`, or writes its data and annotations into `stored`, with the resourceVersion
// that was read. ABORTED or ALREADY_EXISTS: somebody else was faster.
absl::Status Store(KubeClient& client, const KubeResource& resource, const Json& stored,
                   const Json& wanted) {
  if (stored.is_null()) {
    return client.Create(resource, TextAt(wanted, {"metadata", "namespace"}), wanted).status();
  }
  Json object = stored;
  object["data"] = wanted["data"];
  if (wanted["metadata"].contains("annotations")) {
    object["metadata"]["annotations"].update(wanted["metadata"]["annotations"]);
  }
  return client.Update(resource, object).status();
}

Json ObjectNamed(const std::string& name, absl::string_view name_space) {
  return {{"metadata", {{"name", name}, {"namespace", std::string(name_space)}}}};
}

struct Secrets {
  Json authority;
  Json pair;
};

absl::StatusOr<Secrets> ReadSecrets(KubeClient& client, absl::string_view name_space) {
  Secrets secrets;
  VARMOR_ASSIGN_OR_RETURN(secrets.authority,
                          Find(client, kSecrets, name_space, AuthoritySecretName(name_space)));
  VARMOR_ASSIGN_OR_RETURN(secrets.pair,
                          Find(client, kSecrets, name_space, PairSecretName(name_space)));
  return secrets;
}

CertificateState StateOf(const Secrets& secrets) {
  return {SecretText(secrets.authority, kAuthorityCertificateKey),
          SecretText(secrets.authority, kAuthorityPrivateKey),
          {SecretText(secrets.pair, kCertificateKey), SecretText(secrets.pair, kPrivateKey)}};
}

// The authority before what it signed.
absl::Status WriteSecrets(KubeClient& client, absl::string_view name_space, const Secrets& secrets,
                          const CertificateState& wanted) {
  const CertificateState stored = StateOf(secrets);
  if (wanted.authorities != stored.authorities || wanted.authority_key != stored.authority_key) {
    Json secret = ObjectNamed(AuthoritySecretName(name_space), name_space);
    secret["type"] = "Opaque";
    secret["metadata"]["annotations"] = {{kSelfSignedAnnotation, "true"}};
    secret["data"] = {{kAuthorityCertificateKey, Encoded(wanted.authorities)},
                      {kAuthorityPrivateKey, Encoded(wanted.authority_key)}};
    VARMOR_RETURN_IF_ERROR(Store(client, kSecrets, secrets.authority, secret));
  }
  if (wanted.leaf.certificate != stored.leaf.certificate || wanted.leaf.key != stored.leaf.key) {
    Json secret = ObjectNamed(PairSecretName(name_space), name_space);
    secret["type"] = "kubernetes.io/tls";
    secret["data"] = {{kCertificateKey, Encoded(wanted.leaf.certificate)},
                      {kPrivateKey, Encoded(wanted.leaf.key)}};
    VARMOR_RETURN_IF_ERROR(Store(client, kSecrets, secrets.pair, secret));
  }
  return absl::OkStatus();
}

absl::Status PublishAuthorities(KubeClient& client, absl::string_view name_space,
                                const std::string& authorities) {
  VARMOR_ASSIGN_OR_RETURN(const Json stored,
                          Find(client, kConfigMaps, name_space, kAuthorityConfigMap));
  if (TextAt(stored, {"data", kConfigMapKey}) == authorities) return absl::OkStatus();
  Json map = ObjectNamed(kAuthorityConfigMap, name_space);
  map["data"] = {{kConfigMapKey, authorities}};
  return Store(client, kConfigMaps, stored, map);
}

absl::StatusOr<Certificates> TryEnsure(KubeClient& client, absl::string_view name_space,
                                       const std::vector<std::string>& names, absl::Time now) {
  VARMOR_ASSIGN_OR_RETURN(const Secrets secrets, ReadSecrets(client, name_space));
  VARMOR_ASSIGN_OR_RETURN(CertificatePlan plan, PlanCertificates(StateOf(secrets), names, now));
  VARMOR_RETURN_IF_ERROR(WriteSecrets(client, name_space, secrets, plan.wanted));
  VARMOR_RETURN_IF_ERROR(PublishAuthorities(client, name_space, plan.wanted.authorities));
  return Certificates{std::move(plan.wanted), std::move(plan.reason), plan.leaf_end};
}

absl::Status DeleteIfThere(KubeClient& client, const KubeResource& resource,
                           absl::string_view name_space, const std::string& name) {
  const absl::Status status = client.Delete(resource, name_space, name);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace

std::string AuthoritySecretName(absl::string_view name_space) {
  return absl::StrCat(kWebhookService, ".", name_space, ".varmor-tls-ca");
}

std::string PairSecretName(absl::string_view name_space) {
  return absl::StrCat(kWebhookService, ".", name_space, ".varmor-tls-pair");
}

absl::StatusOr<Certificates> EnsureCertificates(KubeClient& client, absl::string_view name_space,
                                                const std::vector<std::string>& names,
                                                absl::Time now) {
  absl::StatusOr<Certificates> result;
  for (int i = 0; i < kTries; ++i) {
    result = TryEnsure(client, name_space, names, now);
    if (!absl::IsAborted(result.status()) && !absl::IsAlreadyExists(result.status())) break;
  }
  return result;
}

absl::Status RemoveCertificates(KubeClient& client, absl::string_view name_space) {
  absl::Status first;
  first.Update(DeleteIfThere(client, kSecrets, name_space, PairSecretName(name_space)));
  first.Update(DeleteIfThere(client, kSecrets, name_space, AuthoritySecretName(name_space)));
  first.Update(DeleteIfThere(client, kConfigMaps, name_space, kAuthorityConfigMap));
  return first;
}

}  // namespace varmor
