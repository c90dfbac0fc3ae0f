#include "runtime/manager/webhook_policies.h"

#include <string>

#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

class WebhookPoliciesTest : public testing::Test {
 protected:
  static Json Policy() {
    return Json::parse(R"({
      "apiVersion": "crd.varmor.org/v1beta1", "kind": "VarmorPolicy",
      "metadata": {"name": "web", "namespace": "shop", "uid": "u1"},
      "spec": {"target": {"kind": "Deployment", "name": "web"},
               "policy": {"enforcer": "AppArmor", "mode": "RuntimeDefault"}}})");
  }
  void AddProfile(const char* uid, const char* enforcer) {
    profiles_.Set({{"metadata",
                    {{"name", "varmor-shop-web"},
                     {"namespace", "shop"},
                     {"uid", "p"},
                     {"ownerReferences", {{{"uid", uid}, {"controller", true}}}}}},
                   {"spec", {{"profile", {{"enforcer", enforcer}}}}}});
  }
  std::vector<WorkloadPolicy> Read(const Json& policy) {
    return WebhookPolicies({std::make_shared<const Json>(policy)}, profiles_, {}, {},
                           BuiltinCatalogue());
  }

  ObjectCache profiles_;
};

TEST_F(WebhookPoliciesTest, NewPolicyCountsWhenItIsSound) {
  Json policy = Policy();
  ASSERT_EQ(Read(policy).size(), 1u);
  EXPECT_EQ(Read(policy)[0].protection.profile_name, "varmor-shop-web");
  policy["spec"]["policy"]["mode"] = "EnhanceProtect";  // without its section
  EXPECT_TRUE(Read(policy).empty());
}

TEST_F(WebhookPoliciesTest, StatusTellsBeforeThereIsAProfile) {
  Json policy = Policy();
  policy["status"] = {{"phase", "Pending"}, {"profileName", "varmor-shop-web"}};
  EXPECT_EQ(Read(policy).size(), 1u);
  policy["status"]["phase"] = "Error";
  EXPECT_TRUE(Read(policy).empty());
}

TEST_F(WebhookPoliciesTest, RefusedUpdateLeavesTheEnforcersOfTheProfile) {
  AddProfile("u1", "AppArmorSeccomp");
  Json policy = Policy();
  policy["status"] = {{"phase", "Error"}, {"profileName", "varmor-shop-web"}};
  ASSERT_EQ(Read(policy).size(), 1u);
  EXPECT_TRUE(Read(policy)[0].protection.enforcers.seccomp);
}

TEST_F(WebhookPoliciesTest, RefusedUpdateLeavesTargetAndModeOfTheProfile) {
  Json policy = Policy();
  profiles_.Set(
      {{"metadata",
        {{"name", "varmor-shop-web"},
         {"namespace", "shop"},
         {"uid", "p"},
         {"annotations", {{kPolicyModeAnnotation, "RuntimeDefault"}}},
         {"ownerReferences", {{{"uid", "u1"}, {"controller", true}}}}}},
       {"spec",
        {{"target", policy["spec"]["target"]}, {"profile", {{"enforcer", "AppArmorSeccomp"}}}}}});
  policy["spec"]["target"] = {{"kind", "StatefulSet"}, {"name", "other"}};
  policy["spec"]["policy"]["mode"] = "AlwaysAllow";
  ASSERT_EQ(Read(policy).size(), 1u);
  EXPECT_EQ(Read(policy)[0].target_kind, "Deployment");
  EXPECT_EQ(Read(policy)[0].target_name, "web");
  EXPECT_TRUE(Read(policy)[0].protection.runtime_default);
}

TEST_F(WebhookPoliciesTest, ProfileOfAnotherPolicyDoesNotCount) {
  AddProfile("u2", "AppArmor");
  Json policy = Policy();
  policy["status"] = {{"phase", "Error"}};
  EXPECT_TRUE(Read(policy).empty());
}

TEST_F(WebhookPoliciesTest, PolicyThatIsGoingChangesNothingMore) {
  AddProfile("u1", "AppArmor");
  Json policy = Policy();
  policy["metadata"]["deletionTimestamp"] = "2025-01-01T00:00:00Z";
  EXPECT_TRUE(Read(policy).empty());
}

}  // namespace
}  // namespace varmor
