#include "runtime/manager/manager.h"

#include <atomic>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "runtime/kube/kube_object.h"
#include "runtime/kube/testing/fake_kube_client.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

// What every part does has a test of its own, and the whole against a real server is
// tools/kube/suites/manager; here is what needs calls that fail.

class ManagerTest : public testing::Test {
 protected:
  ManagerTest() {
    EXPECT_TRUE(kube_.Create(kNamespaces, "", {{"metadata", {{"name", "varmor"}}}}).ok());
    const Json pod = {{"metadata",
                       {{"name", "me"},
                        {"namespace", "varmor"},
                        {"labels", {{kComponentLabel, kManagerDeployment}}}}}};
    EXPECT_TRUE(kube_.Create(kPods, "varmor", pod).ok());
  }

  static ManagerOptions Options() {
    ManagerOptions options;
    options.pod_name = "me";
    options.address = "127.0.0.1";
    options.webhook_port = 0;
    options.status_port = 0;
    // Longer than the test: what is tried again does not wait for it.
    options.certificate_period = absl::Minutes(10);
    return options;
  }

  // Whether it becomes true in time.
  static bool Eventually(const std::function<bool()>& condition) {
    for (const absl::Time end = absl::Now() + absl::Seconds(30); absl::Now() < end;) {
      if (condition()) return true;
      absl::SleepFor(absl::Milliseconds(20));
    }
    return false;
  }

  FakeKubeClient kube_;
  Logger logger_{LoggerOptions(), [](const std::string&) {}};
};

TEST_F(ManagerTest, WhatItCannotDoWithoutIsTriedAgainSoon) {
  std::atomic<int> versions{0};
  std::atomic<int> labels{0};
  kube_.SetHook([&](const FakeKubeClient::Call& call) -> absl::Status {
    if (call.verb == "version" && ++versions < 3) return absl::UnavailableError("busy");
    if (call.verb == "patch" && call.resource == "pods" && ++labels < 3) {
      return absl::UnavailableError("busy");
    }
    return absl::OkStatus();
  });
  Manager manager(Options(), kube_, kube_, logger_);
  ASSERT_TRUE(manager.Start().ok());
  EXPECT_TRUE(Eventually([&] {
    const auto pod = kube_.Get(kPods, "varmor", "me");
    return pod.ok() && TextAt(*pod, {"metadata", "labels", "identity"}) == "leader";
  }));
  EXPECT_TRUE(Eventually([&] { return versions >= 3; }));
  // Then it is done.
  absl::SleepFor(absl::Seconds(3));
  EXPECT_EQ(versions, 3);
  EXPECT_EQ(labels, 3);
  manager.Stop();
}

TEST(WebhookThreadsTest, OneIsLeftBesideQuestionsAboutPolicies) {
  EXPECT_LT(PolicyLookupLimits().at_once, AdmissionServerOptions().threads);
}

TEST_F(ManagerTest, LeaderWhoseWebhooksAreRefusedIsNotReady) {
  std::atomic<bool> refuse{true};
  kube_.SetHook([&](const FakeKubeClient::Call& call) -> absl::Status {
    return refuse && call.verb == "create" && call.resource == "mutatingwebhookconfigurations"
               ? absl::InvalidArgumentError("no such label")
               : absl::OkStatus();
  });
  Manager manager(Options(), kube_, kube_, logger_);
  ASSERT_TRUE(manager.Start().ok());
  const std::vector<std::string> reasons = {
      "the webhooks are not registered: INVALID_ARGUMENT: no such label"};
  EXPECT_TRUE(Eventually([&] { return manager.NotReady() == reasons; }));
  refuse = false;
  EXPECT_TRUE(Eventually([&] { return manager.NotReady().empty(); }));
  manager.Stop();
}

}  // namespace
}  // namespace varmor
