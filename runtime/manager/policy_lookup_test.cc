#include "runtime/manager/policy_lookup.h"

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "runtime/kube/testing/fake_kube_client.h"

namespace varmor {
namespace {

Json Policy(const std::string& kind, const std::string& name) {
  Json policy = {{"apiVersion", "crd.varmor.org/v1beta1"},
                 {"kind", kind},
                 {"metadata", {{"name", name}}},
                 {"spec",
                  {{"target", {{"kind", "Deployment"}, {"name", "web"}}},
                   {"policy", {{"enforcer", "AppArmor"}, {"mode", "RuntimeDefault"}}}}}};
  if (kind == "VarmorPolicy") policy["metadata"]["namespace"] = "shop";
  return policy;
}

class PolicyLookupTest : public testing::Test {
 protected:
  PolicyLookupTest() {
    EXPECT_TRUE(kube_.Create(kNamespaces, "", {{"metadata", {{"name", "shop"}}}}).ok());
  }

  bool Has(const std::string& name_space, const std::string& profile) {
    const auto has = lookup_.HasPolicy(name_space, profile);
    EXPECT_TRUE(has.ok()) << has.status();
    return has.ok() && *has;
  }

  FakeKubeClient kube_;
  ObjectCache profiles_;
  PolicyLookup lookup_{kube_, profiles_, {}, BuiltinCatalogue()};
};

TEST_F(PolicyLookupTest, AsksTheServer) {
  EXPECT_FALSE(Has("shop", "varmor-shop-web"));
  ASSERT_TRUE(kube_.Create(kVarmorPolicies, "shop", Policy("VarmorPolicy", "web")).ok());
  ASSERT_TRUE(kube_.Create(kVarmorClusterPolicies, "", Policy("VarmorClusterPolicy", "all")).ok());
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_TRUE(Has("shop", "varmor-shop-web"));
  EXPECT_TRUE(Has("shop", "varmor-cluster-varmor-all"));
  EXPECT_TRUE(Has("other", "varmor-cluster-varmor-all"));
  EXPECT_FALSE(Has("other", "varmor-shop-web"));
}

TEST_F(PolicyLookupTest, AnswerIsGoodForAMoment) {
  EXPECT_FALSE(Has("shop", "varmor-shop-web"));
  EXPECT_EQ(kube_.TakeCalls().back().Text(), "get varmorpolicies shop/web");
  const absl::Time asked = absl::Now();
  ASSERT_TRUE(kube_.Create(kVarmorPolicies, "shop", Policy("VarmorPolicy", "web")).ok());
  while (!Has("shop", "varmor-shop-web")) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_LT(absl::Now() - asked, absl::Seconds(10));
}

// The policy "b" of the namespace cluster-varmor, and the cluster policy "b".
TEST_F(PolicyLookupTest, NameMayBelongToEitherKind) {
  ASSERT_TRUE(kube_.Create(kNamespaces, "", {{"metadata", {{"name", "cluster-varmor"}}}}).ok());
  Json policy = Policy("VarmorPolicy", "b");
  policy["metadata"]["namespace"] = "cluster-varmor";
  ASSERT_TRUE(kube_.Create(kVarmorPolicies, "cluster-varmor", policy).ok());
  EXPECT_TRUE(Has("cluster-varmor", "varmor-cluster-varmor-b"));
  EXPECT_FALSE(Has("shop", "varmor-cluster-varmor-b"));
}

TEST_F(PolicyLookupTest, NamesThatNoPolicyCanHave) {
  for (const char* name : {"", "varmor-shop", "varmor-shop-", "mine", "varmor-shop-a/b",
                           "varmor-shop-..", "varmor-cluster-varmor-"}) {
    EXPECT_FALSE(Has("shop", name)) << name;
  }
}

// One that is refused has no profile that a pod could wait for.
TEST_F(PolicyLookupTest, PolicyWithMistakesDoesNotCount) {
  Json policy = Policy("VarmorPolicy", "web");
  policy["spec"]["policy"]["mode"] = "EnhanceProtect";  // without its section
  ASSERT_TRUE(kube_.Create(kVarmorPolicies, "shop", policy).ok());
  EXPECT_FALSE(Has("shop", "varmor-shop-web"));
}

TEST_F(PolicyLookupTest, WithoutAnAnswerNothingIsKnown) {
  kube_.SetHook([](const FakeKubeClient::Call&) { return absl::UnavailableError("down"); });
  EXPECT_EQ(lookup_.HasPolicy("shop", "varmor-shop-web").status().code(),
            absl::StatusCode::kUnavailable);
  // As for a resource whose definition is not installed.
  kube_.SetHook([](const FakeKubeClient::Call&) { return absl::NotFoundError("no such page"); });
  EXPECT_EQ(lookup_.HasPolicy("shop", "varmor-shop-web").status().code(),
            absl::StatusCode::kNotFound);
}

// Regression: callers waited for each other, 100 ms for each question, until there was no thread of
// the webhook left for other workloads.
TEST_F(PolicyLookupTest, FloodOfNamesWaitsForNothing) {
  const absl::Time start = absl::Now();
  int answers = 0;
  for (int i = 0; i < 350; ++i) {
    const absl::StatusOr<bool> has = lookup_.HasPolicy(
        i % 2 == 0 ? "shop" : "other", absl::StrCat("varmor-", i % 2 == 0 ? "shop-" : "other-", i));
    if (has.ok()) {
      ++answers;
    } else {
      EXPECT_TRUE(absl::IsResourceExhausted(has.status())) << has.status();
    }
  }
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  EXPECT_EQ(answers, PolicyLookupLimits().questions);
  EXPECT_EQ(kube_.TakeCalls().size(), static_cast<size_t>(answers) + 1);  // and the namespace
}

TEST_F(PolicyLookupTest, SlowServerHoldsAFewThreadsOnly) {
  absl::Notification release;
  std::atomic<int> asked{0};
  kube_.SetHook([&](const FakeKubeClient::Call&) {
    ++asked;
    release.WaitForNotification();
    return absl::OkStatus();
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < PolicyLookupLimits().at_once; ++i) {
    threads.emplace_back([this, i] { Has("shop", absl::StrCat("varmor-shop-", i)); });
  }
  while (asked < PolicyLookupLimits().at_once) absl::SleepFor(absl::Milliseconds(1));
  const absl::Time start = absl::Now();
  // All of them together wait no longer than that.
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(absl::IsResourceExhausted(lookup_.HasPolicy("shop", "varmor-shop-web").status()));
  }
  EXPECT_LT(absl::Now() - start, 10 * PolicyLookupLimits().patience);
  release.Notify();
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(Has("shop", "varmor-shop-web"));
}

TEST_F(PolicyLookupTest, WaitsForOthersThatAreQuick) {
  PolicyLookupLimits limits;
  limits.at_once = 1;
  limits.patience = absl::Seconds(30);
  PolicyLookup lookup(kube_, profiles_, {}, BuiltinCatalogue(), limits);
  kube_.SetHook([](const FakeKubeClient::Call&) {
    absl::SleepFor(absl::Milliseconds(5));
    return absl::OkStatus();
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&lookup, i] {
      EXPECT_TRUE(lookup.HasPolicy("shop", absl::StrCat("varmor-shop-", i)).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(PolicyLookupTest, QuestionsComeBackWithTime) {
  PolicyLookupLimits limits;
  limits.questions = 1;
  limits.period = absl::Milliseconds(50);
  PolicyLookup lookup(kube_, profiles_, {}, BuiltinCatalogue(), limits);
  const absl::Time end = absl::Now() + absl::Seconds(10);
  for (int i = 0; i < 3; ++i) {
    while (!lookup.HasPolicy("shop", absl::StrCat("varmor-shop-", i)).ok()) {
      ASSERT_LT(absl::Now(), end);
      absl::SleepFor(absl::Milliseconds(1));
    }
  }
}

}  // namespace
}  // namespace varmor
