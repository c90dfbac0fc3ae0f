#include "runtime/manager/policy_check.h"

#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"

namespace varmor {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Json Policy() {
  return Json::parse(R"({
    "apiVersion": "crd.varmor.org/v1beta1", "kind": "VarmorPolicy",
    "metadata": {"name": "web", "namespace": "shop", "uid": "u", "generation": 1},
    "spec": {
      "target": {"kind": "Deployment", "name": "web"},
      "policy": {"enforcer": "AppArmorBPFSeccomp", "mode": "EnhanceProtect",
                 "enhanceProtect": {"hardeningRules": ["disallow-mount"]}}}})");
}

PolicyCheck Check(const Json& policy, const PolicyFeatures& features = {},
                  const ClusterFacts* cluster = nullptr) {
  const auto check = CheckPolicy(policy, features, nullptr, cluster, BuiltinCatalogue());
  EXPECT_TRUE(check.ok()) << check.status();
  return *check;
}

TEST(PolicyCheckTest, PolicyWithoutMistakesCompiles) {
  const PolicyCheck check = Check(Policy());
  EXPECT_THAT(check.errors, IsEmpty());
  EXPECT_EQ(check.result.profile_name, "varmor-shop-web");
  EXPECT_TRUE(check.result.app_armor.has_value());
  EXPECT_TRUE(check.result.bpf.has_value());
  EXPECT_TRUE(check.result.seccomp.has_value());
}

// The same mistakes are made against a real server (tools/kube/suites/manager).
TEST(PolicyCheckTest, MistakesHaveTheirCodes) {
  std::ifstream file("runtime/manager/testdata/policy_codes.json");
  const Json table = Json::parse(file);
  EXPECT_EQ(Check(table["policy"]).errors.size(), 0u);
  ASSERT_GT(table["cases"].size(), 40u);
  for (const Json& each : table["cases"]) {
    SCOPED_TRACE(each.dump());
    Json policy = table["policy"];
    policy.merge_patch(each["patch"]);
    const PolicyCheck check = Check(policy);
    EXPECT_THAT(check.errors,
                Contains(testing::AllOf(
                    Field(&PolicyProblem::code, each["code"].get<std::string>()),
                    Field(&PolicyProblem::text, HasSubstr(each["says"].get<std::string>())))))
        << ProblemsText(check.errors);
    EXPECT_FALSE(check.result.app_armor.has_value());
    EXPECT_FALSE(check.result.bpf.has_value());
    EXPECT_FALSE(check.result.seccomp.has_value());
  }
}

TEST(PolicyCheckTest, AllMistakesAtOnce) {
  Json policy = Policy();
  policy["spec"]["target"]["kind"] = "Job";
  policy["spec"]["policy"]["enhanceProtect"]["hardeningRules"] = {"disallow-mout"};
  const PolicyCheck check = Check(policy);
  EXPECT_EQ(ProblemsText(check.errors),
            "C1: spec.target.kind: unknown value \"Job\" [unknown-value]; known are Deployment, "
            "StatefulSet, DaemonSet, Pod\n"
            "G17: spec.policy.enhanceProtect.hardeningRules[0]: unknown built-in rule "
            "\"disallow-mout\" [unknown-rule]; did you mean \"disallow-mount\"?");
}

TEST(PolicyCheckTest, LenientReadingWarns) {
  PolicyFeatures features;
  features.lenient = true;
  Json policy = Policy();
  policy["spec"]["policy"]["enhanceProtect"]["hardeningRules"] = {"disallow-mout"};
  const PolicyCheck check = Check(policy, features);
  EXPECT_THAT(check.errors, IsEmpty());
  EXPECT_THAT(check.warnings, Contains(Field(&PolicyProblem::code, "G17")));
}

TEST(PolicyCheckTest, AddressesOfServicesAndPodsHaveFlagsOfTheirOwn) {
  Json policy = Policy();
  Json& egress = policy["spec"]["policy"]["enhanceProtect"]["bpfRawRules"]["network"]["egress"];
  egress["toServices"] = Json::parse(R"([{"namespace": "a", "name": "db"}])");
  const ClusterFacts nothing;
  PolicyFeatures services;
  services.service_egress = true;
  // A service that does not exist (yet) is no mistake.
  EXPECT_THAT(Check(policy, services, &nothing).errors, IsEmpty());
  egress["toPods"] = Json::parse(R"([{"podSelector": {"matchLabels": {"a": "b"}}}])");
  EXPECT_THAT(Check(policy, services, &nothing).errors,
              ElementsAre(Field(&PolicyProblem::code, "G15")));
  services.pod_egress = true;
  EXPECT_THAT(Check(policy, services, &nothing).errors, IsEmpty());
}

TEST(PolicyCheckTest, ClusterPoliciesAreNamedAfterTheInstallation) {
  Json policy = Policy();
  policy["kind"] = "VarmorClusterPolicy";
  policy["metadata"].erase("namespace");
  PolicyFeatures features;
  features.install_namespace = "security";
  EXPECT_EQ(Check(policy, features).result.profile_name, "varmor-cluster-security-web");
}

}  // namespace
}  // namespace varmor
