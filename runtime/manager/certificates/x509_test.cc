#include "runtime/manager/certificates/x509.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const absl::Time kStart = absl::FromUnixSeconds(1735689600);
const Validity kYear = {kStart, kStart + absl::Hours(24 * 365)};

TlsPair Authority(const std::string& name = "test") { return *MakeAuthority(name, kYear); }

TEST(X509Test, LeavesServeTheirNames) {
  const TlsPair authority = Authority();
  const auto leaf = MakeLeaf(authority, {"svc.ns.svc", "svc", "127.0.0.1", "::1"},
                             {kStart, kStart + absl::Hours(1)});
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  EXPECT_TRUE(absl::StartsWith(leaf->key, "-----BEGIN PRIVATE KEY-----"));
  EXPECT_TRUE(CheckPair(*leaf, authority.certificate, {"svc.ns.svc", "svc", "127.0.0.1", "::1"},
                        kStart + absl::Minutes(1))
                  .ok());
  EXPECT_EQ(CheckPair(*leaf, authority.certificate, {"svc", "other"}, kStart).message(),
            "the certificate is not for other");
  EXPECT_EQ(CheckPair(*leaf, authority.certificate, {"127.0.0.2"}, kStart).message(),
            "the certificate is not for 127.0.0.2");
}

TEST(X509Test, FactsAreThoseOfTheCertificate) {
  const auto leaf = MakeLeaf(Authority(), {"b", "a", "10.0.0.1"}, kYear);
  ASSERT_TRUE(leaf.ok());
  const auto facts = ReadCertificate(leaf->certificate);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->validity.not_before, kYear.not_before);
  EXPECT_EQ(facts->validity.not_after, kYear.not_after);
  EXPECT_THAT(facts->names, ElementsAre("b", "a", "10.0.0.1"));
  EXPECT_EQ(facts->fingerprint.size(), 64);
}

TEST(X509Test, TimeAndAuthorityMatter) {
  const TlsPair authority = Authority();
  const TlsPair leaf = *MakeLeaf(authority, {"svc"}, {kStart, kStart + absl::Hours(1)});
  EXPECT_THAT(
      std::string(CheckPair(leaf, authority.certificate, {}, kStart + absl::Hours(2)).message()),
      HasSubstr("certificate has expired"));
  EXPECT_THAT(
      std::string(CheckPair(leaf, authority.certificate, {}, kStart - absl::Hours(1)).message()),
      HasSubstr("not yet valid"));
  // Of the same name, but another.
  EXPECT_EQ(CheckPair(leaf, Authority().certificate, {}, kStart).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(X509Test, OneOfSeveralAuthoritiesSuffices) {
  const TlsPair first = Authority(), second = Authority();
  const auto both = JoinCertificates(first.certificate, second.certificate);
  ASSERT_TRUE(both.ok());
  for (const TlsPair& each : {first, second}) {
    const TlsPair leaf = *MakeLeaf(each, {"svc"}, kYear);
    EXPECT_TRUE(CheckPair(leaf, *both, {"svc"}, kStart).ok());
  }
  EXPECT_EQ(*JoinCertificates(*both, second.certificate), *both);
}

TEST(X509Test, AuthoritiesServeNothingAndLeavesSignNothing) {
  const TlsPair authority = Authority();
  const TlsPair leaf = *MakeLeaf(authority, {"svc"}, kYear);
  const TlsPair forged = *MakeLeaf(leaf, {"svc"}, kYear);
  EXPECT_EQ(CheckPair({forged.certificate + leaf.certificate, forged.key}, authority.certificate,
                      {"svc"}, kStart)
                .code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(X509Test, SaysWhatDoesNotFit) {
  const TlsPair authority = Authority(), other = Authority();
  const TlsPair leaf = *MakeLeaf(authority, {"svc"}, kYear);
  EXPECT_EQ(CheckPair({leaf.certificate, other.key}, authority.certificate, {}, kStart),
            absl::InvalidArgumentError("the key is not that of the certificate"));
  EXPECT_EQ(MakeLeaf({authority.certificate, other.key}, {"svc"}, kYear).status(),
            absl::InvalidArgumentError("the authority's key is not that of its certificate"));
  EXPECT_EQ(MakeLeaf(authority, {}, kYear).status(),
            absl::InvalidArgumentError("a certificate needs a name"));
  EXPECT_EQ(ReadCertificate("").status(), absl::InvalidArgumentError("no certificate in PEM"));
  EXPECT_EQ(ReadCertificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CheckPair({leaf.certificate, ""}, authority.certificate, {}, kStart).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(X509Test, LongNamesAreNoCommonNames) {
  const std::string name(63, 'a');
  const std::string longest = name + "." + name + "." + name;
  const auto leaf = MakeLeaf(Authority(), {longest}, kYear);
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  EXPECT_THAT(ReadCertificate(leaf->certificate)->names, ElementsAre(longest));
}

}  // namespace
}  // namespace varmor
