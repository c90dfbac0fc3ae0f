// X.509 certificates of our own: making an authority and what it signs, and asking whether a pair
// still serves. Pure but for random numbers; time is an argument. ECDSA over P-256, SHA-256.
#ifndef RUNTIME_MANAGER_CERTIFICATES_X509_H_
#define RUNTIME_MANAGER_CERTIFICATES_X509_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/http/tls_pair.h"

namespace varmor {

// From `not_before` on; ends are whole seconds.
struct Validity {
  absl::Time not_before;
  absl::Time not_after;
};

// A self-signed authority that may sign leaves and no further authorities.
absl::StatusOr<TlsPair> MakeAuthority(absl::string_view common_name, const Validity& validity);

// A server certificate for `names` (DNS names and IP addresses, at least one; the first is the
// common name when it fits in 64 bytes), signed by `authority`, whose certificate and key must
// belong together: INVALID_ARGUMENT if not.
absl::StatusOr<TlsPair> MakeLeaf(const TlsPair& authority, const std::vector<std::string>& names,
                                 const Validity& validity);

struct CertificateFacts {
  Validity validity;
  // Of the certificate's subject alternative names: DNS names and addresses, in its order.
  std::vector<std::string> names;
  // SHA-256 of the DER form, in lower-case hex.
  std::string fingerprint;
};

// What the first certificate of `pem` says. INVALID_ARGUMENT for a text without one.
absl::StatusOr<CertificateFacts> ReadCertificate(absl::string_view pem);

// Whether a client that trusts `authorities` (PEM, one or more) accepts `pair` for each of `names`
// at `time`. FAILED_PRECONDITION says why not; INVALID_ARGUMENT: not PEM, or the key is another
// certificate's.
absl::Status CheckPair(const TlsPair& pair, absl::string_view authorities,
                       const std::vector<std::string>& names, absl::Time time);

// The certificates of both texts, each once, those of `first` first.
absl::StatusOr<std::string> JoinCertificates(absl::string_view first, absl::string_view second);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_CERTIFICATES_X509_H_
