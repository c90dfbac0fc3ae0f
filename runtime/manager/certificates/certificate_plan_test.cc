#include "runtime/manager/certificates/certificate_plan.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/manager/certificates/x509.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

const absl::Time kStart = absl::FromUnixSeconds(1735689600);
const std::vector<std::string> kNames = ServiceNames("varmor", {"10.0.0.1"});

CertificatePlan Plan(const CertificateState& stored, absl::Time now,
                     const std::vector<std::string>& names = kNames) {
  const auto plan = PlanCertificates(stored, names, now);
  EXPECT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->reason.empty(), plan->wanted == stored);
  // Whatever happens, what is wanted serves, and goes on serving for a while.
  EXPECT_TRUE(CheckPair(plan->wanted.leaf, plan->wanted.authorities, names, now).ok());
  EXPECT_TRUE(
      CheckPair(plan->wanted.leaf, plan->wanted.authorities, names, now + absl::Hours(12)).ok());
  return *plan;
}

size_t Authorities(const CertificateState& state) {
  size_t count = 0;
  for (size_t at = 0; (at = state.authorities.find("BEGIN", at)) != std::string::npos; ++at)
    ++count;
  return count;
}

TEST(CertificatePlanTest, ServiceNamesAreAllForms) {
  EXPECT_THAT(kNames, ElementsAre("varmor-webhook-svc.varmor.svc", "varmor-webhook-svc.varmor",
                                  "varmor-webhook-svc", "varmor-status-svc.varmor.svc",
                                  "varmor-status-svc.varmor", "varmor-status-svc", "localhost",
                                  "10.0.0.1"));
}

TEST(CertificatePlanTest, MakesWhatThereIsNot) {
  const CertificatePlan plan = Plan({}, kStart);
  EXPECT_EQ(plan.reason,
            "made an authority: there was none that is valid; made a certificate: no certificate "
            "in PEM");
  EXPECT_EQ(plan.leaf_end, kStart + kLeafLife);
  EXPECT_EQ(ReadCertificate(plan.wanted.authorities)->validity.not_after, kStart + kAuthorityLife);
  EXPECT_EQ(Plan(plan.wanted, kStart).reason, "");
  EXPECT_EQ(Plan(plan.wanted, kStart + kLeafLife / 2).reason, "");
}

TEST(CertificatePlanTest, RenewsTheLeafAtTwoThirds) {
  const CertificateState stored = Plan({}, kStart).wanted;
  const absl::Time due = kStart - kBackdate + (kLeafLife + kBackdate) * 2 / 3;
  EXPECT_EQ(Plan(stored, due - absl::Seconds(2)).reason, "");
  const CertificatePlan plan = Plan(stored, due + absl::Seconds(2));
  EXPECT_EQ(plan.reason, "made a certificate: the one before is at two thirds of its life");
  EXPECT_EQ(plan.wanted.authorities, stored.authorities);
  EXPECT_EQ(plan.wanted.authority_key, stored.authority_key);
  EXPECT_NE(plan.wanted.leaf.key, stored.leaf.key);
}

TEST(CertificatePlanTest, RenewsTheLeafAtOnceForAnotherName) {
  const CertificateState stored = Plan({}, kStart).wanted;
  const CertificatePlan plan = Plan(stored, kStart, ServiceNames("varmor", {"10.0.0.2"}));
  EXPECT_EQ(plan.reason, "made a certificate: the certificate is not for 10.0.0.2");
  EXPECT_EQ(plan.wanted.authorities, stored.authorities);
}

TEST(CertificatePlanTest, ANewAuthorityIsAnnouncedThenUsedThenAlone) {
  CertificateState state = Plan({}, kStart).wanted;
  // Nobody was there for years but to renew the leaf.
  const absl::Time due = kStart + kAuthorityLife * 2 / 3;
  state.leaf = *MakeLeaf({state.authorities, state.authority_key}, kNames,
                         {due - absl::Hours(1), due + kLeafLife});
  const CertificateState before = state;

  CertificatePlan plan = Plan(state, due);
  EXPECT_EQ(plan.reason, "made an authority: the one before is at two thirds of its life");
  EXPECT_EQ(plan.wanted.leaf.certificate, before.leaf.certificate);
  EXPECT_EQ(Authorities(plan.wanted), 2);
  EXPECT_THAT(plan.wanted.authorities, testing::EndsWith(before.authorities));
  state = plan.wanted;
  const std::string announced = state.authorities;

  EXPECT_EQ(Plan(state, due + absl::Minutes(1)).reason, "");
  plan = Plan(state, due + kAnnounce);
  EXPECT_EQ(plan.reason, "made a certificate: the authority is new");
  EXPECT_EQ(plan.wanted.authorities, announced);
  // Clients that have heard of it accept both certificates.
  EXPECT_TRUE(CheckPair(before.leaf, announced, kNames, due).ok());
  EXPECT_TRUE(CheckPair(plan.wanted.leaf, announced, kNames, due).ok());
  state = plan.wanted;

  EXPECT_EQ(Plan(state, due + absl::Hours(23)).reason, "");
  plan = Plan(state, due + kOverlap);
  EXPECT_EQ(plan.reason, "the authority before is not trusted any more");
  EXPECT_EQ(Authorities(plan.wanted), 1);
  EXPECT_EQ(plan.wanted.leaf.certificate, state.leaf.certificate);
  EXPECT_EQ(Plan(plan.wanted, due + kOverlap).reason, "");
}

TEST(CertificatePlanTest, TakesOverCertificatesWhoseAuthorityHasNoKey) {
  CertificateState state = Plan({}, kStart).wanted;
  state.authority_key = "";
  EXPECT_EQ(Plan(state, kStart + absl::Hours(1)).reason, "");
  const absl::Time due = kStart + kLeafLife * 3 / 4;
  CertificatePlan plan = Plan(state, due);
  EXPECT_EQ(plan.reason, "made an authority: the key of the one before is not known");
  EXPECT_EQ(plan.wanted.leaf.certificate, state.leaf.certificate);
  EXPECT_EQ(Plan(plan.wanted, due + kAnnounce).reason,
            "made a certificate: the one before is at two thirds of its life");
}

TEST(CertificatePlanTest, MakesBrokenOnesAnew) {
  const CertificateState good = Plan({}, kStart).wanted;
  const CertificateState other = Plan({}, kStart).wanted;
  CertificateState broken = good;
  broken.leaf.key = other.leaf.key;
  EXPECT_EQ(Plan(broken, kStart).reason,
            "made a certificate: the key is not that of the certificate");
  broken = good;
  broken.leaf = other.leaf;
  EXPECT_THAT(Plan(broken, kStart).reason,
              StartsWith("made a certificate: the certificate is not"));
  broken = good;
  broken.authorities = "nonsense";
  EXPECT_THAT(Plan(broken, kStart).reason, StartsWith("made an authority: there was none that is"));
  broken = other;
  broken.authority_key = good.authority_key;
  EXPECT_EQ(Plan(broken, kStart).reason, "");
  EXPECT_EQ(Authorities(Plan(broken, kStart + kLeafLife).wanted), 2);
  // Everything has expired long ago.
  EXPECT_THAT(Plan(good, kStart + kAuthorityLife * 2).reason,
              StartsWith("made an authority: there was none that is valid; made a certificate: "));
}

}  // namespace
}  // namespace varmor
