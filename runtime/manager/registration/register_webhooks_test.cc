#include "runtime/manager/registration/register_webhooks.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/kube/testing/fake_kube_client.h"
#include "runtime/manager/certificates/certificate_store.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

WebhookOptions Options() {
  WebhookOptions options;
  options.install_namespace = "kube-system";
  options.ca_bundle = "PEM\n";
  return options;
}

std::vector<std::string> Ensured(KubeClient& client, const WebhookOptions& options = Options()) {
  const auto written = EnsureWebhooks(client, options);
  EXPECT_TRUE(written.ok()) << written.status();
  return *written;
}

TEST(RegisterWebhooksTest, CreatesThenWritesNothingThenRepairs) {
  FakeKubeClient client;
  EXPECT_THAT(Ensured(client), ElementsAre(kMutatingConfiguration, kValidatingConfiguration));
  client.TakeWrites();
  EXPECT_THAT(Ensured(client), IsEmpty());
  EXPECT_THAT(client.TakeWrites(), IsEmpty());

  Json stored = *client.Get(kMutatingWebhookConfigurations, "", kMutatingConfiguration);
  stored["webhooks"] = Json::array();
  ASSERT_TRUE(client.Update(kMutatingWebhookConfigurations, stored).ok());
  ASSERT_TRUE(client.Delete(kValidatingWebhookConfigurations, "", kValidatingConfiguration).ok());
  EXPECT_THAT(Ensured(client), ElementsAre(kMutatingConfiguration, kValidatingConfiguration));
  stored = *client.Get(kMutatingWebhookConfigurations, "", kMutatingConfiguration);
  EXPECT_EQ(stored["webhooks"], MutatingConfiguration(Options())["webhooks"]);
}

TEST(RegisterWebhooksTest, ANewAuthorityIsWrittenInPlace) {
  FakeKubeClient client;
  Ensured(client);
  client.TakeWrites();
  WebhookOptions options = Options();
  options.ca_bundle = "PEM\nNEW\n";
  EXPECT_EQ(Ensured(client, options).size(), 2);
  for (const FakeKubeClient::Call& call : client.TakeWrites()) EXPECT_EQ(call.verb, "update");
}

TEST(RegisterWebhooksTest, AConflictIsTriedAgain) {
  FakeKubeClient client;
  Ensured(client);
  WebhookOptions options = Options();
  options.timeout_seconds = 5;
  int conflicts = 2;
  client.SetHook([&](const FakeKubeClient::Call& call) {
    return call.verb == "update" && conflicts-- > 0 ? absl::AbortedError("conflict")
                                                    : absl::OkStatus();
  });
  EXPECT_EQ(Ensured(client, options).size(), 2);
  client.SetHook([](const FakeKubeClient::Call&) { return absl::UnavailableError("no answer"); });
  EXPECT_EQ(EnsureWebhooks(client, options).status().code(), absl::StatusCode::kUnavailable);
}

TEST(RegisterWebhooksTest, KnowsTheLastManager) {
  EXPECT_TRUE(IsLastManager(nullptr));
  EXPECT_TRUE(IsLastManager(Json::parse(R"({"spec": {"replicas": 0}})")));
  EXPECT_TRUE(IsLastManager(
      Json::parse(R"({"metadata": {"deletionTimestamp": "2025"}, "spec": {"replicas": 2}})")));
  EXPECT_FALSE(IsLastManager(Json::parse(R"({"metadata": {}, "spec": {"replicas": 1}})")));
  EXPECT_FALSE(IsLastManager(Json::parse(R"({"spec": {}})")));  // 1 by default
}

TEST(RegisterWebhooksTest, OnlyTheLastManagerRemoves) {
  FakeKubeClient client;
  Ensured(client);
  ASSERT_TRUE(EnsureCertificates(client, "kube-system", {"localhost"}, absl::Now()).ok());
  for (const char* name : {"varmor-manager", "webhook-register", "another"}) {
    ASSERT_TRUE(client.Create(kLeases, "kube-system", {{"metadata", {{"name", name}}}}).ok());
  }
  const Json deployment = {{"metadata", {{"name", "varmor-manager"}}}, {"spec", {{"replicas", 1}}}};
  ASSERT_TRUE(client.Create(kDeployments, "kube-system", deployment).ok());
  client.TakeWrites();
  const std::vector<std::string> leases = {"varmor-manager", "webhook-register"};
  EXPECT_FALSE(*RemoveIfLast(client, Options(), leases));
  EXPECT_THAT(client.TakeWrites(), IsEmpty());

  ASSERT_TRUE(client.Delete(kDeployments, "kube-system", "varmor-manager").ok());
  EXPECT_TRUE(*RemoveIfLast(client, Options(), leases));
  EXPECT_THAT(client.List(kMutatingWebhookConfigurations, {})->items, IsEmpty());
  EXPECT_THAT(client.List(kValidatingWebhookConfigurations, {})->items, IsEmpty());
  EXPECT_THAT(client.List(kSecrets, {})->items, IsEmpty());
  const std::vector<Json> left = client.List(kLeases, {})->items;
  ASSERT_EQ(left.size(), 1);
  EXPECT_EQ(left[0]["metadata"]["name"], "another");
  // Again: nothing is there to be removed.
  EXPECT_TRUE(*RemoveIfLast(client, Options(), leases));
}

// Regression: a manager outside of a cluster took certificates and Lease of the one inside with it.
TEST(RegisterWebhooksTest, OneOutsideOfAClusterRemovesItsOwn) {
  FakeKubeClient client;
  WebhookOptions outside = Options();
  outside.url = "https://127.0.0.1:3443";
  EXPECT_EQ(CheckNoInstallation(client, outside), absl::OkStatus());
  Ensured(client);
  Ensured(client, outside);
  ASSERT_TRUE(EnsureCertificates(client, "kube-system", {"localhost"}, absl::Now()).ok());
  ASSERT_TRUE(
      client.Create(kLeases, "kube-system", {{"metadata", {{"name", "varmor-manager"}}}}).ok());
  const Json deployment = {{"metadata", {{"name", "varmor-manager"}}}, {"spec", {{"replicas", 1}}}};
  ASSERT_TRUE(client.Create(kDeployments, "kube-system", deployment).ok());

  EXPECT_EQ(CheckNoInstallation(client, outside),
            absl::FailedPreconditionError(
                "this cluster has managers of its own, which a manager outside of it would "
                "disturb; stop them first: kubectl -n kube-system scale --replicas=0 "
                "deployment/varmor-manager"));
  EXPECT_FALSE(*RemoveIfLast(client, outside, {"varmor-manager"}));
  EXPECT_TRUE(client.Get(kMutatingWebhookConfigurations, "", kMutatingConfiguration).ok());
  EXPECT_THAT(client.List(kMutatingWebhookConfigurations, {})->items, SizeIs(1));
  EXPECT_THAT(client.List(kValidatingWebhookConfigurations, {})->items, SizeIs(1));
  EXPECT_THAT(client.List(kSecrets, {})->items, SizeIs(2));
  EXPECT_THAT(client.List(kLeases, {})->items, SizeIs(1));

  // Nobody else is there: it takes everything with it.
  ASSERT_TRUE(client.Delete(kDeployments, "kube-system", "varmor-manager").ok());
  EXPECT_TRUE(*RemoveIfLast(client, outside, {"varmor-manager"}));
  EXPECT_THAT(client.List(kSecrets, {})->items, IsEmpty());
  EXPECT_THAT(client.List(kLeases, {})->items, IsEmpty());
}

TEST(RegisterWebhooksTest, WhenInDoubtNothingIsRemoved) {
  FakeKubeClient client;
  Ensured(client);
  client.SetHook([](const FakeKubeClient::Call& call) {
    return call.resource == "deployments" ? absl::UnavailableError("no answer") : absl::OkStatus();
  });
  EXPECT_EQ(RemoveIfLast(client, Options(), {}).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(client.Get(kMutatingWebhookConfigurations, "", kMutatingConfiguration).ok());
}

}  // namespace
}  // namespace varmor
