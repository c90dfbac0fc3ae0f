#include "runtime/manager/admission/validate.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

Json Policy() {
  return Json::parse(R"({
    "apiVersion": "crd.varmor.org/v1beta1", "kind": "VarmorPolicy",
    "metadata": {"name": "web", "namespace": "shop", "uid": "u", "generation": 1},
    "spec": {
      "target": {"kind": "Deployment", "name": "web"},
      "policy": {"enforcer": "AppArmorBPFSeccomp", "mode": "EnhanceProtect",
                 "enhanceProtect": {"hardeningRules": ["disallow-mount"]}}}})");
}

Json With(const std::string& merge_patch) {
  Json policy = Policy();
  policy.merge_patch(Json::parse(merge_patch));
  return policy;
}

AdmissionRequest RequestFor(const Json& object, const Json& old_object = nullptr) {
  AdmissionRequest request;
  request.group = "crd.varmor.org";
  request.kind = object.value("kind", "VarmorPolicy");
  request.name = object.value("/metadata/name"_json_pointer, "");
  request.name_space = object.value("/metadata/namespace"_json_pointer, "");
  request.operation = old_object.is_null() ? "CREATE" : "UPDATE";
  request.object = object;
  request.old_object = old_object;
  return request;
}

AdmissionAnswer Answer(const AdmissionRequest& request, const WorkloadPolicies& policies = {},
                       const PolicyFeatures& features = {}, const FindModel& find_model = nullptr) {
  const auto answer = Validate(request, {features, BuiltinCatalogue(), policies, find_model});
  EXPECT_TRUE(answer.ok()) << answer.status();
  return *answer;
}

std::vector<std::string> Codes(const AdmissionAnswer& answer) {
  std::vector<std::string> codes;
  for (const auto line : absl::StrSplit(answer.message, '\n', absl::SkipEmpty())) {
    codes.push_back(std::string(line.substr(0, line.find(':'))));
  }
  EXPECT_EQ(codes.empty(), answer.allowed);
  return codes;
}

TEST(ValidateTest, AllowsAGoodPolicy) {
  const AdmissionAnswer answer = Answer(RequestFor(Policy()));
  EXPECT_TRUE(answer.allowed);
  EXPECT_EQ(answer.message, "");
  EXPECT_TRUE(answer.patch.is_null());
}

TEST(ValidateTest, TellsEveryMistakeAtOnce) {
  const AdmissionAnswer answer = Answer(RequestFor(With(R"({"spec": {
      "target": {"selector": {"matchLabels": {"a": "b"}}},
      "policy": {"enforcer": "AppArmorBPF", "enhanceProtect": {
        "hardeningRules": ["disallow-mout"],
        "bpfRawRules": {"files": [{"pattern": "/a/**/b/**/c/*x", "permissions": ["reed"]}]}}}}})")));
  EXPECT_FALSE(answer.allowed);
  EXPECT_THAT(answer.message, HasSubstr("C3: spec.target: "));
  EXPECT_THAT(answer.message,
              HasSubstr("G17: spec.policy.enhanceProtect.hardeningRules[0]: unknown"));
  EXPECT_THAT(answer.message, HasSubstr("did you mean \"disallow-mount\"?"));
  EXPECT_THAT(answer.message, HasSubstr("files[0].permissions[0]"));
}

TEST(ValidateTest, TheNamespaceOfTheRequestCounts) {
  Json policy = Policy();
  policy["metadata"].erase("namespace");
  AdmissionRequest request = RequestFor(policy);
  request.name_space = "a-namespace-of-sixty-bytes-which-leaves-no-room-for-a-name";
  EXPECT_THAT(Codes(Answer(request)), ElementsAre("C7"));
}

TEST(ValidateTest, OnlyChangesOfPoliciesAreJudged) {
  const Json wrong = With(R"({"spec": {"policy": {"mode": "Enhance"}}})");
  EXPECT_FALSE(Answer(RequestFor(wrong)).allowed);
  EXPECT_FALSE(Answer(RequestFor(wrong, Policy())).allowed);
  // The spec stays: a finalizer must be removable whatever the policy says.
  Json without = wrong;
  without["metadata"]["finalizers"] = Json::array();
  EXPECT_TRUE(Answer(RequestFor(without, wrong)).allowed);

  AdmissionRequest request = RequestFor(wrong);
  request.operation = "DELETE";
  EXPECT_TRUE(Answer(request).allowed);
  request = RequestFor(wrong, Policy());
  request.subresource = "status";
  EXPECT_TRUE(Answer(request).allowed);
  request = RequestFor(wrong);
  request.kind = "ArmorProfile";
  EXPECT_TRUE(Answer(request).allowed);
  request = RequestFor(wrong);
  request.group = "apps";
  EXPECT_TRUE(Answer(request).allowed);
}

TEST(ValidateTest, JudgesUpdatesByWhatThePolicyWas) {
  const Json before = Policy();
  EXPECT_THAT(Codes(Answer(RequestFor(
                  With(R"({"spec": {"policy": {"enforcer": "AppArmorSeccomp"}}})"), before))),
              IsEmpty());
  EXPECT_THAT(Codes(Answer(RequestFor(With(R"({"spec": {"target": {"name": "db"},
                           "policy": {"enforcer": "BPF", "enhanceProtect": null}}})"),
                                      before))),
              ElementsAre("C4", "U1", "U4"));

  PolicyFeatures features;
  features.behavior_modeling = true;
  Json modeling = With(R"({"spec": {"policy": {"enforcer": "AppArmor", "mode": "BehaviorModeling",
      "enhanceProtect": null, "modelingOptions": {"duration": 1}}}})");
  Json after = With(R"({"spec": {"policy": {"enforcer": "AppArmor"}}})");
  modeling["status"] = {{"phase", "Modeling"}};
  EXPECT_THAT(Codes(Answer(RequestFor(after, modeling), {}, features)), ElementsAre("U3"));
  modeling["status"] = {{"phase", "Completed"}};
  EXPECT_THAT(Codes(Answer(RequestFor(after, modeling), {}, features)), IsEmpty());
}

TEST(ValidateTest, RefusesAProfileNameThatIsTaken) {
  Json other = Policy();
  other["metadata"] = {{"name", "b-c"}, {"namespace", "a"}, {"creationTimestamp", "2025"}};
  std::vector<WorkloadPolicy> policies;
  policies.push_back(*ReadWorkloadPolicy(other, "", "varmor", {}));
  const WorkloadPolicies index(std::move(policies));
  Json policy = Policy();
  policy["metadata"] = {{"name", "c"}, {"namespace", "a-b"}};
  EXPECT_EQ(Answer(RequestFor(policy), index).message,
            "NameCollision: metadata.name: the profile name varmor-a-b-c is already that of "
            "VarmorPolicy a/b-c; choose another name");
  EXPECT_TRUE(Answer(RequestFor(other), index).allowed);
}

TEST(ValidateTest, WarnsOfWhatDoesNothing) {
  PolicyFeatures lenient;
  lenient.lenient = true;
  const AdmissionRequest request = RequestFor(With(R"({"spec": {"policy": {
      "enforcer": "AppArmor", "enhanceProtect": {"bpfRawRules": {
        "files": [{"pattern": "/etc/shadow", "permissions": ["read"],
                   "qualifiers": ["deny"]}]}}}}})"));
  EXPECT_THAT(Codes(Answer(request)), ElementsAre("G18"));
  const AdmissionAnswer answer = Answer(request, {}, lenient);
  EXPECT_TRUE(answer.allowed);
  EXPECT_THAT(answer.warnings, ElementsAre(StartsWith("G18: spec.policy.enhanceProtect.")));
}

TEST(ValidateTest, AddressesInTheClusterAreNotItsBusiness) {
  PolicyFeatures features;
  features.service_egress = true;
  features.pod_egress = true;
  const AdmissionAnswer answer = Answer(RequestFor(With(R"({"spec": {"policy": {
      "enforcer": "BPF", "enhanceProtect": {"hardeningRules": null, "bpfRawRules": {
        "network": {"egress": {"toServices": [{"namespace": "a", "name": "b",
                                               "qualifiers": ["deny"]}]}}}}}}})")),
                                        {}, features);
  EXPECT_TRUE(answer.allowed) << answer.message;
  EXPECT_THAT(answer.warnings, IsEmpty());
  EXPECT_THAT(Codes(Answer(RequestFor(With(R"({"spec": {"policy": {
      "enforcer": "BPF", "enhanceProtect": {"hardeningRules": null, "bpfRawRules": {
        "network": {"egress": {"toServices": [{"namespace": "a", "name": "b",
                                               "qualifiers": ["deny"]}]}}}}}}})")))),
              ElementsAre("G15"));
}

TEST(ValidateTest, AsksForTheModel) {
  const Json policy = With(R"({"spec": {"policy": {"enforcer": "Seccomp", "mode": "DefenseInDepth",
      "enhanceProtect": null, "defenseInDepth": {"seccomp": {"profileType": "BehaviorModel"}}}}})");
  EXPECT_THAT(Codes(Answer(RequestFor(policy))), ElementsAre("G6"));
  std::string asked;
  const FindModel find = [&](const std::string& name_space, const std::string& name) {
    asked = name_space + "/" + name;
    auto model = std::make_shared<BehaviorModel>();
    model->mutable_data()->mutable_profile()->set_seccomp_content(
        R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            {"names": ["read", "write", "exit_group"], "action": "SCMP_ACT_ALLOW"}]})");
    return model;
  };
  EXPECT_THAT(Answer(RequestFor(policy), {}, {}, find).message, "");
  EXPECT_EQ(asked, "shop/varmor-shop-web");
}

TEST(ValidateTest, OptingOutIsTrueOrFalse) {
  Json policy = Policy();
  policy["metadata"]["annotations"] = {{"varmor.org/allow-opt-out", "yes"}};
  constexpr char kProblem[] =
      "S1: metadata.annotations[\"varmor.org/allow-opt-out\"]: unknown value \"yes\" "
      "[unknown-value]; known are true, false";
  EXPECT_EQ(Answer(RequestFor(policy)).message, kProblem);
  EXPECT_EQ(Answer(RequestFor(policy, Policy())).message, kProblem);
  EXPECT_TRUE(Answer(RequestFor(policy, policy)).allowed);
  policy["metadata"]["annotations"] = {{"varmor.org/allow-opt-out", "false"}};
  EXPECT_TRUE(Answer(RequestFor(policy)).allowed);
}

TEST(ValidateTest, AnythingMayBeMissing) {
  for (const char* text : {"null", "{}", "[]", "3", R"({"metadata": 3, "spec": []})",
                           R"({"kind": "VarmorPolicy", "spec": {"policy": 4}})"}) {
    AdmissionRequest request = RequestFor(Policy());
    request.object = Json::parse(text);
    EXPECT_FALSE(Answer(request).allowed) << text;
    request.operation = "UPDATE";
    request.old_object = Policy();
    EXPECT_FALSE(Answer(request).allowed) << text;
  }
}

}  // namespace
}  // namespace varmor
