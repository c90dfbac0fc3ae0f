#include "runtime/manager/certificates/certificate_store.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/kube/testing/fake_kube_client.h"
#include "runtime/manager/certificates/x509.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kStart = absl::FromUnixSeconds(1735689600);
const std::vector<std::string> kNames = ServiceNames("kube-system", {});

std::vector<std::string> Texts(const std::vector<FakeKubeClient::Call>& calls) {
  std::vector<std::string> texts;
  for (const FakeKubeClient::Call& each : calls) texts.push_back(each.Text());
  return texts;
}

Certificates Ensured(KubeClient& client, absl::Time now = kStart) {
  const auto result = EnsureCertificates(client, "kube-system", kNames, now);
  EXPECT_TRUE(result.ok()) << result.status();
  return *result;
}

std::string Decoded(const Json& text) {
  std::string decoded;
  EXPECT_TRUE(absl::Base64Unescape(text.get<std::string>(), &decoded));
  return decoded;
}

TEST(CertificateStoreTest, StoresWhatItMakes) {
  FakeKubeClient client;
  const Certificates made = Ensured(client);
  EXPECT_NE(made.reason, "");
  EXPECT_THAT(
      Texts(client.TakeWrites()),
      ElementsAre("create secrets kube-system/varmor-webhook-svc.kube-system.varmor-tls-ca",
                  "create secrets kube-system/varmor-webhook-svc.kube-system.varmor-tls-pair",
                  "create configmaps kube-system/varmor-ca"));
  const Json authority =
      *client.Get(kSecrets, "kube-system", "varmor-webhook-svc.kube-system.varmor-tls-ca");
  EXPECT_EQ(authority["type"], "Opaque");
  EXPECT_EQ(authority["metadata"]["annotations"]["self-signed-cert"], "true");
  EXPECT_EQ(Decoded(authority["data"]["rootCA.crt"]), made.state.authorities);
  EXPECT_EQ(Decoded(authority["data"]["rootCA.key"]), made.state.authority_key);
  const Json pair =
      *client.Get(kSecrets, "kube-system", "varmor-webhook-svc.kube-system.varmor-tls-pair");
  EXPECT_EQ(pair["type"], "kubernetes.io/tls");
  EXPECT_EQ(Decoded(pair["data"]["tls.crt"]), made.state.leaf.certificate);
  EXPECT_EQ(Decoded(pair["data"]["tls.key"]), made.state.leaf.key);
  const Json map = *client.Get(kConfigMaps, "kube-system", "varmor-ca");
  EXPECT_EQ(map["data"], (Json{{"ca.crt", made.state.authorities}}));
}

TEST(CertificateStoreTest, WritesNothingWhenAllIsThere) {
  FakeKubeClient client;
  const Certificates made = Ensured(client);
  client.TakeCalls();
  const Certificates again = Ensured(client, kStart + absl::Hours(24));
  EXPECT_TRUE(again.state == made.state);
  EXPECT_EQ(again.reason, "");
  EXPECT_EQ(client.TakeCalls().size(), 3);
}

TEST(CertificateStoreTest, WritesOnlyWhatIsOld) {
  FakeKubeClient client;
  const Certificates made = Ensured(client);
  client.TakeWrites();
  const Certificates renewed = Ensured(client, kStart + kLeafLife * 3 / 4);
  EXPECT_EQ(renewed.state.authorities, made.state.authorities);
  EXPECT_NE(renewed.state.leaf.certificate, made.state.leaf.certificate);
  EXPECT_THAT(
      Texts(client.TakeWrites()),
      ElementsAre("update secrets kube-system/varmor-webhook-svc.kube-system.varmor-tls-pair"));
}

TEST(CertificateStoreTest, RepairsWhatSomebodyBroke) {
  FakeKubeClient client;
  const Certificates made = Ensured(client);
  ASSERT_TRUE(client.Delete(kConfigMaps, "kube-system", "varmor-ca").ok());
  Json pair =
      *client.Get(kSecrets, "kube-system", "varmor-webhook-svc.kube-system.varmor-tls-pair");
  pair["data"]["tls.crt"] = "%%%";
  pair["metadata"]["labels"] = {{"mine", "yes"}};
  ASSERT_TRUE(client.Update(kSecrets, pair).ok());
  const Certificates repaired = Ensured(client);
  EXPECT_EQ(repaired.state.authorities, made.state.authorities);
  EXPECT_TRUE(CheckPair(repaired.state.leaf, made.state.authorities, kNames, kStart).ok());
  EXPECT_TRUE(client.Get(kConfigMaps, "kube-system", "varmor-ca").ok());
  pair = *client.Get(kSecrets, "kube-system", "varmor-webhook-svc.kube-system.varmor-tls-pair");
  EXPECT_EQ(pair["metadata"]["labels"], (Json{{"mine", "yes"}}));
}

// Of the first certificates, and of a change of the authority.
TEST(CertificateStoreTest, WhoDiesBetweenWritesIsFollowedByOneWhoGoesOn) {
  for (const bool change : {false, true}) {
    for (int last = 0; last < 3; ++last) {
      SCOPED_TRACE(absl::StrCat(change, " after ", last, " writes"));
      FakeKubeClient client;
      absl::Time now = kStart;
      Certificates before;
      if (change) {
        before = Ensured(client);
        now += kAuthorityLife * 3 / 4;
      }
      int writes = 0;
      client.SetHook([&](const FakeKubeClient::Call& call) {
        const bool write = call.verb == "create" || call.verb == "update";
        return write && ++writes > last ? absl::UnavailableError("dead") : absl::OkStatus();
      });
      EXPECT_FALSE(EnsureCertificates(client, "kube-system", kNames, now).ok());
      client.SetHook(nullptr);
      const Certificates made = Ensured(client, now);
      EXPECT_TRUE(CheckPair(made.state.leaf, made.state.authorities, kNames, now).ok());
      // What may have been trusted already still is.
      EXPECT_THAT(made.state.authorities, HasSubstr(before.state.authorities));
      const Certificates again = Ensured(client, now);
      EXPECT_TRUE(again.state == made.state);
      EXPECT_EQ(again.reason, "");
      const Json map = *client.Get(kConfigMaps, "kube-system", "varmor-ca");
      EXPECT_EQ(map["data"]["ca.crt"], made.state.authorities);
    }
  }
}

TEST(CertificateStoreTest, ReplicasThatStartTogetherAgree) {
  FakeKubeClient client;
  std::vector<Certificates> results(6);
  std::vector<std::thread> replicas(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    replicas[i] = std::thread([&, i] { results[i] = Ensured(client); });
  }
  for (std::thread& each : replicas) each.join();
  const Certificates stored = Ensured(client);
  EXPECT_EQ(stored.reason, "");
  for (const Certificates& each : results) {
    EXPECT_EQ(each.state.authorities, stored.state.authorities);
    EXPECT_EQ(each.state.leaf.certificate, stored.state.leaf.certificate);
  }
}

TEST(CertificateStoreTest, TellsWhatTheServerSays) {
  FakeKubeClient client;
  client.SetHook([](const FakeKubeClient::Call& call) {
    return call.verb == "create" ? absl::PermissionDeniedError("secrets is forbidden")
                                 : absl::OkStatus();
  });
  EXPECT_EQ(EnsureCertificates(client, "kube-system", kNames, kStart).status().code(),
            absl::StatusCode::kPermissionDenied);
  client.SetHook([](const FakeKubeClient::Call& call) {
    return call.verb == "create" ? absl::AbortedError("conflict") : absl::OkStatus();
  });
  EXPECT_EQ(EnsureCertificates(client, "kube-system", kNames, kStart).status().code(),
            absl::StatusCode::kAborted);
}

TEST(CertificateStoreTest, RemovesItsObjects) {
  FakeKubeClient client;
  Ensured(client);
  EXPECT_TRUE(RemoveCertificates(client, "kube-system").ok());
  EXPECT_TRUE(RemoveCertificates(client, "kube-system").ok());
  EXPECT_THAT(client.List(kSecrets, {})->items, IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(client.Get(kConfigMaps, "kube-system", "varmor-ca").status()));
}

}  // namespace
}  // namespace varmor
