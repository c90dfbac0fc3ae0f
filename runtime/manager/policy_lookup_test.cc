#include "runtime/manager/policy_lookup.h"

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
  PolicyLookup lookup_{kube_, profiles_, {}, BuiltinCatalogue(), absl::Milliseconds(50)};
};

TEST_F(PolicyLookupTest, AsksTheServer) {
  EXPECT_FALSE(Has("shop", "varmor-shop-web"));
  ASSERT_TRUE(kube_.Create(kVarmorPolicies, "shop", Policy("VarmorPolicy", "web")).ok());
  ASSERT_TRUE(kube_.Create(kVarmorClusterPolicies, "", Policy("VarmorClusterPolicy", "all")).ok());
  absl::SleepFor(absl::Milliseconds(50));
  EXPECT_TRUE(Has("shop", "varmor-shop-web"));
  EXPECT_TRUE(Has("shop", "varmor-cluster-varmor-all"));
  EXPECT_TRUE(Has("other", "varmor-cluster-varmor-all"));
  EXPECT_FALSE(Has("other", "varmor-shop-web"));
}

TEST_F(PolicyLookupTest, AnswerIsGoodForAMoment) {
  EXPECT_FALSE(Has("shop", "varmor-shop-web"));
  const absl::Time asked = absl::Now();
  ASSERT_TRUE(kube_.Create(kVarmorPolicies, "shop", Policy("VarmorPolicy", "web")).ok());
  while (!Has("shop", "varmor-shop-web")) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_LT(absl::Now() - asked, absl::Seconds(10));
  // Another namespace waits for its turn.
  const absl::Time start = absl::Now();
  Has("a", "p");
  Has("b", "p");
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(50));
}

// One that is refused has no profile that a pod could wait for.
TEST_F(PolicyLookupTest, PolicyWithMistakesDoesNotCount) {
  Json policy = Policy("VarmorPolicy", "web");
  policy["spec"]["policy"]["mode"] = "EnhanceProtect";  // without its section
  ASSERT_TRUE(kube_.Create(kVarmorPolicies, "shop", policy).ok());
  EXPECT_FALSE(Has("shop", "varmor-shop-web"));
}

}  // namespace
}  // namespace varmor
