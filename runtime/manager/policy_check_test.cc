#include "runtime/manager/policy_check.h"

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

struct CodeCase {
  const char* code;
  const char* patch;  // RFC 7396, onto Policy()
  const char* text;
};

constexpr CodeCase kCases[] = {
    {"C1", R"({"spec": {"target": {"kind": "Job"}}})", "spec.target.kind: unknown value \"Job\""},
    {"C2", R"({"spec": {"target": {"name": null}}})", "neither name nor selector"},
    {"C3", R"({"spec": {"target": {"selector": {"matchLabels": {"a": "b"}}}}})", "both name and"},
    {"C4", R"({"spec": {"policy": {"enhanceProtect": null}}})", "mode EnhanceProtect needs"},
    {"C5", R"({"spec": {"policy": {"mode": "BehaviorModeling", "enhanceProtect": null,
               "modelingOptions": {"duration": 1}}}})",
     "BehaviorModeling is not available"},
    {"C6", R"({"spec": {"policy": {"mode": "BehaviorModeling", "enhanceProtect": null}}})",
     "needs the section \"modelingOptions\""},
    {"C7", R"({"metadata": {"name": "a-name-that-is-far-too-long-to-be-the-name-of-a-profile"}})",
     "at most 63 are possible"},
    {"C8", R"({"spec": {"policy": {"mode": "DefenseInDepth", "enhanceProtect": null}}})",
     "needs the section \"defenseInDepth\""},
    {"G1", R"({"spec": {"policy": {"enforcer": "SELinux"}}})", "spec.policy.enforcer"},
    {"G2", R"({"spec": {"policy": {"mode": "Protect"}}})", "unknown value \"Protect\""},
    {"G5", R"({"spec": {"policy": {"mode": "DefenseInDepth", "enhanceProtect": null,
               "defenseInDepth": {"seccomp": {"profileType": "Custom", "customProfile": "{}"}}}}})",
     "enforcer AppArmor needs the section"},
    {"G6", R"({"spec": {"policy": {"enforcer": "AppArmor", "mode": "DefenseInDepth",
               "enhanceProtect": null,
               "defenseInDepth": {"appArmor": {"profileType": "BehaviorModel"}}}}})",
     "model"},
    {"G7", R"({"spec": {"policy": {"enforcer": "Seccomp", "mode": "DefenseInDepth",
               "enhanceProtect": null,
               "defenseInDepth": {"seccomp": {"profileType": "Custom"}}}}})",
     "needs a profile"},
    {"G7", R"({"spec": {"policy": {"enforcer": "Seccomp", "mode": "DefenseInDepth",
               "enhanceProtect": null, "defenseInDepth": {"seccomp": {
                 "profileType": "Custom", "customProfile": "no JSON"}}}}})",
     "customProfile"},
    {"G8", R"({"spec": {"policy": {"mode": "BehaviorModeling", "enhanceProtect": null,
               "modelingOptions": {"duration": 0}}}})",
     "duration"},
    {"G10", R"({"spec": {"policy": {"enhanceProtect": {"bpfRawRules": {"files": [
               {"pattern": "/a[", "permissions": ["read"]}]}}}}})",
     "pattern"},
    {"G11",
     R"({"spec": {"policy": {"enhanceProtect": {"privileged": true, "bpfRawRules": {"mounts": [
               {"sourcePattern": "**", "fstype": "averyveryverylongname", "flags": ["ro"]}]}}}}})",
     "fstype"},
    {"G12", R"({"spec": {"policy": {"enhanceProtect": {"bpfRawRules": {"network": {"sockets": [
               {}]}}}}}})",
     "sockets[0]"},
    {"G12", R"({"spec": {"policy": {"enhanceProtect": {"bpfRawRules": {"network": {"sockets": [
               {"domains": ["ipx2"]}]}}}}}})",
     "ipx2"},
    {"G13", R"({"spec": {"policy": {"enhanceProtect": {"bpfRawRules": {"network": {"egress": {
               "toDestinations": [{"ip": "1.2.3"}]}}}}}}})",
     "1.2.3"},
    {"G14", R"({"spec": {"policy": {"enhanceProtect": {"bpfRawRules": {"network": {"egress": {
               "toServices": [{"name": "db"}]}}}}}}})",
     "toServices[0]"},
    {"G15", R"({"spec": {"policy": {"enhanceProtect": {"bpfRawRules": {"network": {"egress": {
               "toServices": [{"namespace": "a", "name": "db"}]}}}}}}})",
     "toServices[0]"},
    {"G15", R"({"spec": {"policy": {"enhanceProtect": {
               "attackProtectionRules": [{"rules": ["block-access-to-kube-apiserver"]}]}}}})",
     "attackProtectionRules[0]"},
    {"G17", R"({"spec": {"policy": {"enhanceProtect": {"hardeningRules": ["disallow-mout"]}}}})",
     "did you mean \"disallow-mount\"?"},
    {"G17", R"({"spec": {"policy": {"enhanceProtect": {"bpfRawRules": {"files": [
               {"pattern": "/a", "permissions": ["raed"]}]}}}}})",
     "raed"},
    {"G18",
     R"({"spec": {"policy": {"enforcer": "BPF", "enhanceProtect": {"bpfRawRules": {"mounts": [
               {"sourcePattern": "**", "fstype": "nfs", "flags": ["ro"]}]}}}}})",
     "privileged"},
    {"G18", R"({"spec": {"policy": {"enforcer": "Seccomp", "enhanceProtect": {
               "attackProtectionRules": [{"rules": ["mitigate-sa-leak"], "targets": ["/bin/sh"]}]}}}})",
     "none of the policy's enforcers can carry out rule"},
    {"G19", R"({"spec": {"policy": {"enhanceProtect": {"appArmorRawRules": [
               {"rules": "deny /etc/shadow r"}]}}}})",
     "appArmorRawRules[0]"},
    {"S1", R"({"spec": {"policy": {"enhanceProtect": {"hardeningRule": ["disallow-mount"]}}}})",
     "hardeningRule"},
    {"S1", R"({"spec": null})", "spec"},
    {"S1", R"({"kind": "Other"})", "unknown kind \"Other\""},
};

TEST(PolicyCheckTest, MistakesHaveTheirCodes) {
  for (const CodeCase& c : kCases) {
    SCOPED_TRACE(c.patch);
    Json policy = Policy();
    policy.merge_patch(Json::parse(c.patch));
    const PolicyCheck check = Check(policy);
    EXPECT_THAT(check.errors,
                Contains(testing::AllOf(Field(&PolicyProblem::code, c.code),
                                        Field(&PolicyProblem::text, HasSubstr(c.text)))))
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
