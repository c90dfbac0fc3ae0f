#include "runtime/manager/certificates/certificate_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/manager/certificates/x509.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

constexpr char kAuthorityName[] = "vArmor";
// A certificate that ends sooner is as good as none.
constexpr absl::Duration kMargin = absl::Hours(12);

bool IsOld(const Validity& validity, absl::Time now) {
  return now >= validity.not_before + (validity.not_after - validity.not_before) * 2 / 3;
}

Validity From(absl::Time now, absl::Duration life) { return {now - kBackdate, now + life}; }

struct Authority {
  TlsPair pair;  // the first of the authorities
  Validity validity;
  bool exists = false;
  bool can_sign = false;  // its key is known
  absl::Time made() const { return validity.not_before + kBackdate; }
};

// The first certificate of a text with several.
std::string First(const std::string& pem) {
  static constexpr char kEnd[] = "-----END CERTIFICATE-----\n";
  const size_t end = pem.find(kEnd);
  return end == std::string::npos ? pem : pem.substr(0, end + sizeof(kEnd) - 1);
}

Authority ReadAuthority(const CertificateState& stored, absl::Time now) {
  Authority authority;
  authority.pair = {First(stored.authorities), stored.authority_key};
  const auto facts = ReadCertificate(authority.pair.certificate);
  if (!facts.ok()) return authority;
  authority.validity = facts->validity;
  authority.exists = now + kMargin < facts->validity.not_after;
  // Whether the key belongs to it shows when it signs.
  authority.can_sign =
      authority.exists && MakeLeaf(authority.pair, {"localhost"}, From(now, kMargin)).ok();
  return authority;
}

// Signs a leaf that does not outlive its authority.
absl::Status SignLeaf(const Authority& authority, const std::vector<std::string>& names,
                      absl::Time now, CertificatePlan& plan) {
  Validity validity = From(now, kLeafLife);
  validity.not_after = std::min(validity.not_after, authority.validity.not_after);
  VARMOR_ASSIGN_OR_RETURN(plan.wanted.leaf, MakeLeaf(authority.pair, names, validity));
  return absl::OkStatus();
}

absl::StatusOr<Authority> AddAuthority(bool keep_old, absl::Time now, CertificatePlan& plan) {
  Authority authority;
  authority.validity = From(now, kAuthorityLife);
  VARMOR_ASSIGN_OR_RETURN(authority.pair, MakeAuthority(kAuthorityName, authority.validity));
  authority.exists = authority.can_sign = true;
  const std::string before = keep_old ? plan.wanted.authorities : authority.pair.certificate;
  VARMOR_ASSIGN_OR_RETURN(plan.wanted.authorities,
                          JoinCertificates(authority.pair.certificate, before));
  plan.wanted.authority_key = authority.pair.key;
  return authority;
}

void Say(absl::string_view what, CertificatePlan& plan) {
  absl::StrAppend(&plan.reason, plan.reason.empty() ? "" : "; ", what);
}

}  // namespace

absl::StatusOr<CertificatePlan> PlanCertificates(const CertificateState& stored,
                                                 const std::vector<std::string>& names,
                                                 absl::Time now) {
  CertificatePlan plan;
  plan.wanted = stored;
  Authority authority = ReadAuthority(stored, now);
  const absl::Status serves = CheckPair(stored.leaf, stored.authorities, names, now + kMargin);
  const auto leaf = ReadCertificate(stored.leaf.certificate);
  const bool leaf_is_old = serves.ok() && IsOld(leaf->validity, now);
  const bool needs_leaf = !serves.ok() || leaf_is_old;

  const bool authority_is_old = authority.exists && IsOld(authority.validity, now);
  if (authority_is_old || (needs_leaf && !authority.can_sign)) {
    Say(!authority.exists  ? "made an authority: there was none that is valid"
        : authority_is_old ? "made an authority: the one before is at two thirds of its life"
                           : "made an authority: the key of the one before is not known",
        plan);
    VARMOR_ASSIGN_OR_RETURN(authority, AddAuthority(authority.exists, now, plan));
  }
  // A leaf that serves waits until everybody has heard of the new authority.
  const bool announced = now >= authority.made() + kAnnounce;
  const bool is_its_leaf =
      serves.ok() && CheckPair(stored.leaf, authority.pair.certificate, {}, now).ok();
  if (!serves.ok() || (announced && authority.can_sign && (leaf_is_old || !is_its_leaf))) {
    Say(!serves.ok()  ? absl::StrCat("made a certificate: ", serves.message())
        : leaf_is_old ? "made a certificate: the one before is at two thirds of its life"
                      : "made a certificate: the authority is new",
        plan);
    VARMOR_RETURN_IF_ERROR(SignLeaf(authority, names, now, plan));
  } else if (is_its_leaf && now >= authority.made() + kOverlap &&
             stored.authorities != authority.pair.certificate) {
    Say("the authority before is not trusted any more", plan);
    plan.wanted.authorities = authority.pair.certificate;
  }
  VARMOR_ASSIGN_OR_RETURN(const CertificateFacts facts,
                          ReadCertificate(plan.wanted.leaf.certificate));
  plan.leaf_end = facts.validity.not_after;
  return plan;
}

std::vector<std::string> ServiceNames(absl::string_view name_space,
                                      const std::vector<std::string>& more) {
  std::vector<std::string> names;
  for (const char* service : {kWebhookService, kStatusService}) {
    names.push_back(absl::StrCat(service, ".", name_space, ".svc"));
    names.push_back(absl::StrCat(service, ".", name_space));
    names.push_back(service);
  }
  names.push_back("localhost");
  names.insert(names.end(), more.begin(), more.end());
  return names;
}

}  // namespace varmor
