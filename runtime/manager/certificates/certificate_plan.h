// When certificates are made anew, as a pure function (but for random numbers).
//
// A leaf lives 90 days and an authority ten years; both are replaced at two thirds of their life. A
// new authority is announced before anything is signed by it, and the old one is trusted for a day
// more, so that no request fails whichever certificate a replica serves.
#ifndef RUNTIME_MANAGER_CERTIFICATES_CERTIFICATE_PLAN_H_
#define RUNTIME_MANAGER_CERTIFICATES_CERTIFICATE_PLAN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/http/tls_pair.h"

namespace varmor {

inline constexpr absl::Duration kAuthorityLife = absl::Hours(24 * 3650);
inline constexpr absl::Duration kLeafLife = absl::Hours(24 * 90);
// Certificates are valid from an hour before they are made: clocks differ.
inline constexpr absl::Duration kBackdate = absl::Hours(1);
// From a new authority to the first leaf that it signs, unless there is no other.
inline constexpr absl::Duration kAnnounce = absl::Minutes(2);
// From a new authority to the end of the one before.
inline constexpr absl::Duration kOverlap = absl::Hours(24);

// All of it PEM.
struct CertificateState {
  // Whom to trust: the authority that signs first, then those before it. What goes into caBundle.
  std::string authorities;
  // Of the first authority; "" when it is not known (vArmor throws it away).
  std::string authority_key;
  TlsPair leaf;

  bool operator==(const CertificateState& other) const {
    return authorities == other.authorities && authority_key == other.authority_key &&
           leaf.certificate == other.leaf.certificate && leaf.key == other.leaf.key;
  }
};

struct CertificatePlan {
  // The same as `stored` when nothing is to be done.
  CertificateState wanted;
  // "made an authority and a certificate: there were none"; "" when nothing is to be done.
  std::string reason;
  // When the leaf ends.
  absl::Time leaf_end;
};

// `names` are those that the leaf has to serve: DNS names and addresses. Anything may be missing
// from `stored`, or broken.
absl::StatusOr<CertificatePlan> PlanCertificates(const CertificateState& stored,
                                                 const std::vector<std::string>& names,
                                                 absl::Time now);

// The names of the manager's services in `name_space`, and localhost; then `more`.
std::vector<std::string> ServiceNames(absl::string_view name_space,
                                      const std::vector<std::string>& more);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_CERTIFICATES_CERTIFICATE_PLAN_H_
