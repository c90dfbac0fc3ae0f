#include "runtime/manager/policy_controller.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/manager/policy_controller_fixture.h"
#include "runtime/protocol/armor_profile.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(PolicyControllerTest, PolicyBecomesReady) {
  Apply(Policy("shop", "web"));
  EXPECT_THAT(Run(), ElementsAre("patch varmorpolicies shop/web",
                                 "create armorprofiles shop/varmor-shop-web",
                                 "patch varmorpolicies/status shop/web",
                                 "patch armorprofiles/status shop/varmor-shop-web"));
  EXPECT_EQ(Status()["phase"], "Pending");
  Report("a");
  Report("b");
  EXPECT_THAT(Run(), ElementsAre("patch varmorpolicies/status shop/web",
                                 "patch armorprofiles/status shop/varmor-shop-web"));
  EXPECT_EQ(Status()["phase"], "Protecting");
  EXPECT_THAT(Run(), IsEmpty());
  EXPECT_THAT(
      metrics_->Text(),
      HasSubstr("varmor_policy_ready{kind=\"VarmorPolicy\",namespace=\"shop\",name=\"web\"} 1"));
}

TEST_F(PolicyControllerTest, AgentsMayReportBeforeTheCreationIsAnswered) {
  kube_.SetHook([this](const FakeKubeClient::Call& call) {
    if (call.verb == "create" && call.resource == "armorprofiles") {
      ProfileStatus status;
      status.name_space = "shop";
      status.armor_profile = "varmor-shop-web";
      status.state = ProfileState::kSucceeded;
      for (const char* node : {"a", "b"}) {
        status.node_name = node;
        controller_->reports().Add(status);
      }
    }
    return absl::OkStatus();
  });
  Apply(Policy("shop", "web"));
  Run();
  EXPECT_EQ(Status()["phase"], "Protecting");
}

// The watch tells late that the ArmorProfile of that name from before is gone.
TEST_F(PolicyControllerTest, ReportsAreNotThoseOfTheProfileBefore) {
  Protect();
  const Json before = Get(kArmorProfiles, "shop", "varmor-shop-web");
  ASSERT_TRUE(kube_.Delete(kVarmorPolicies, "shop", "web").ok());
  Run();
  Report("a", ProfileState::kRetired);
  Report("b", ProfileState::kRetired);
  Run();
  ASSERT_TRUE(Get(kArmorProfiles, "shop", "varmor-shop-web").is_null());
  kube_.SetHook([&](const FakeKubeClient::Call& call) {
    if (call.verb != "create" || call.resource != "armorprofiles") return absl::OkStatus();
    for (const char* node : {"a", "b"}) {
      ProfileStatus status;
      status.name_space = "shop";
      status.armor_profile = "varmor-shop-web";
      status.node_name = node;
      status.state = ProfileState::kSucceeded;
      status.revision = ArmorProfileRevision(before["spec"]);
      controller_->reports().Add(status);
    }
    controller_->ProfileGone(before);
    return absl::OkStatus();
  });
  Apply(Policy("shop", "web"));
  Run();
  EXPECT_EQ(Status()["phase"], "Protecting");
}

TEST_F(PolicyControllerTest, RulesThatNodesDoNotEnforceAreTold) {
  Protect();
  ProfileStatus status;
  status.name_space = "shop";
  status.armor_profile = "varmor-shop-web";
  status.node_name = "b";
  status.state = ProfileState::kSucceeded;
  status.message = "Ready";
  status.revision = ArmorProfileRevision(Get(kArmorProfiles, "shop", "varmor-shop-web")["spec"]);
  status.unenforced = {"BPF: no-userns (too old)"};
  controller_->reports().Add(status);
  Run();
  EXPECT_EQ(Status()["phase"], "Protecting");
  EXPECT_EQ(Status()["ready"], true);
  const Json conditions = Status()["conditions"];
  EXPECT_EQ(conditions.back()["type"], "Ready");
  EXPECT_EQ(conditions.back()["status"], "True");
  EXPECT_EQ(conditions.back()["message"],
            "1 of 2 nodes do not enforce every rule; see ArmorProfile shop/varmor-shop-web");
  const Json condition =
      Get(kArmorProfiles, "shop", "varmor-shop-web")["status"]["conditions"].at(0);
  EXPECT_EQ(condition["type"], "FullyEnforced");
  EXPECT_EQ(condition["status"], "False");
  EXPECT_EQ(condition["nodeName"], "b");
  EXPECT_EQ(condition["message"], "this kernel does not enforce BPF: no-userns (too old)");
  Report("b");
  Run();
  EXPECT_FALSE(Get(kArmorProfiles, "shop", "varmor-shop-web")["status"].contains("conditions"));
  EXPECT_FALSE(Json(Status()["conditions"]).back().contains("message"));
}

TEST_F(PolicyControllerTest, NextLeaderWritesNothing) {
  Protect();
  NewManager();
  EXPECT_THAT(Run(), IsEmpty());
  Report("a");
  EXPECT_THAT(Run(), IsEmpty());
  Report("b");
  EXPECT_THAT(Run(), IsEmpty());
  now_ += absl::Minutes(4);
  controller_->EnqueueAll(absl::ZeroDuration());
  EXPECT_THAT(Run(), IsEmpty());
  EXPECT_EQ(Status()["phase"], "Protecting");
}

TEST_F(PolicyControllerTest, SilentNodeIsMissedWhenTheLeaderHasSettled) {
  Protect();
  NewManager();
  Run();
  Report("a");
  Run();
  now_ += absl::Minutes(4);
  controller_->EnqueueAll(absl::ZeroDuration());
  Run();
  EXPECT_EQ(Status()["phase"], "Pending");
}

TEST_F(PolicyControllerTest, WhoIsNotTheLeaderDoesNotWrite) {
  leader_ = false;
  Apply(Policy("shop", "web"));
  EXPECT_THAT(Run(), IsEmpty());
  ASSERT_FALSE(errors_.empty());
  EXPECT_TRUE(absl::IsFailedPrecondition(errors_[0]));
}

TEST_F(PolicyControllerTest, UpdateAndRefusedUpdate) {
  Protect();
  Edit(R"({"spec": {"policy": {"enforcer": "AppArmorSeccomp"}}})");
  EXPECT_THAT(Run(), ElementsAre("update armorprofiles shop/varmor-shop-web",
                                 "patch varmorpolicies/status shop/web",
                                 "patch armorprofiles/status shop/varmor-shop-web"));
  Edit(R"({"spec": {"policy": {"enforcer": "AppArmor"}}})");
  const std::vector<std::string> writes = Run();
  ASSERT_EQ(writes.size(), 2u);
  EXPECT_EQ(writes[0], "patch varmorpolicies/status shop/web");
  EXPECT_THAT(writes[1], HasSubstr("create events shop/"));
  EXPECT_EQ(Status()["phase"], "Error");
}

TEST_F(PolicyControllerTest, DeletedPolicyGoesWhenTheNodesLetGo) {
  Protect();
  ASSERT_TRUE(kube_.Delete(kVarmorPolicies, "shop", "web").ok());
  Run();
  EXPECT_FALSE(Get(kArmorProfiles, "shop", "varmor-shop-web").is_null());
  Report("a", ProfileState::kRetired);
  Report("b", ProfileState::kRetired);
  Run();
  EXPECT_TRUE(Get(kArmorProfiles, "shop", "varmor-shop-web").is_null());
  EXPECT_TRUE(Get(kVarmorPolicies, "shop", "web").is_null());
  EXPECT_THAT(metrics_->Text(), testing::Not(HasSubstr("name=\"web\"")));
  EXPECT_THAT(Run(), IsEmpty());
  // The name is free again.
  Apply(Policy("shop", "web"));
  Run();
  EXPECT_EQ(Status()["phase"], "Pending");
}

TEST_F(PolicyControllerTest, ProfileWhosePolicyWentWithoutTheManagerIsRetired) {
  Protect();
  // As if the finalizer had been taken away by hand while no manager ran.
  ASSERT_TRUE(kube_
                  .Patch(kVarmorPolicies, "shop", "web", KubePatch::kMerge,
                         Json::parse(R"({"metadata": {"finalizers": null}})"))
                  .ok());
  ASSERT_TRUE(kube_.Delete(kVarmorPolicies, "shop", "web").ok());
  NewManager();
  Run();
  const Json profile = Get(kArmorProfiles, "shop", "varmor-shop-web");
  EXPECT_EQ(profile["metadata"]["annotations"][kRetireAnnotation], "true");
  Report("a", ProfileState::kRetired);
  Report("b", ProfileState::kRetired);
  Run();
  EXPECT_TRUE(Get(kArmorProfiles, "shop", "varmor-shop-web").is_null());
}

TEST_F(PolicyControllerTest, ProfilesThatOthersMadeAreLeftAlone) {
  ASSERT_TRUE(kube_
                  .Create(kArmorProfiles, "shop",
                          Json::parse(R"({"metadata": {"name": "mine"}, "spec": {}})"))
                  .ok());
  EXPECT_THAT(Run(), IsEmpty());
}

TEST_F(PolicyControllerTest, OneOfTwoPoliciesWithTheSameProfileNameIsRefused) {
  Apply(Policy("shop-a", "web"));
  Apply(Policy("shop", "a-web"));
  Run();
  EXPECT_EQ(Status("shop-a", "web")["phase"], "Pending");
  EXPECT_EQ(Status("shop", "a-web")["phase"], "Error");
  EXPECT_EQ(Status("shop", "a-web")["conditions"][0]["reason"], "NameCollision");
  // The first one goes: the second gets its turn.
  ASSERT_TRUE(kube_.Delete(kVarmorPolicies, "shop-a", "web").ok());
  Run();
  now_ += absl::Minutes(11);
  controller_->EnqueueAll(absl::ZeroDuration());
  Run();
  EXPECT_EQ(Status("shop", "a-web")["phase"], "Pending");
}

TEST_F(PolicyControllerTest, SecondPolicyIsRefusedBeforeTheFirstHasItsProfile) {
  Apply(Policy("shop-a", "web"));
  Apply(Policy("shop", "a-web"));
  kube_.SetHook([](const FakeKubeClient::Call& call) -> absl::Status {
    if (call.verb == "create" && call.resource == "armorprofiles") {
      return absl::UnavailableError("busy");
    }
    return absl::OkStatus();
  });
  Run();
  EXPECT_EQ(Status("shop", "a-web")["conditions"][0]["reason"], "NameCollision");
  kube_.SetHook(nullptr);
  controller_->EnqueueAll(absl::ZeroDuration());
  Run();
  EXPECT_EQ(Status("shop-a", "web")["phase"], "Pending");
  EXPECT_EQ(Status("shop", "a-web")["phase"], "Error");
}

TEST_F(PolicyControllerTest, ProfileThatIsTooLargeIsAnErrorThatIsNotRepeated) {
  kube_.SetHook([](const FakeKubeClient::Call& call) -> absl::Status {
    if (call.verb == "create" && call.resource == "armorprofiles") {
      return absl::ResourceExhaustedError("etcdserver: request is too large");
    }
    return absl::OkStatus();
  });
  Apply(Policy("shop", "web"));
  Run();
  EXPECT_EQ(Status()["phase"], "Error");
  EXPECT_THAT(Status()["conditions"][0]["message"].get<std::string>(),
              HasSubstr("G9: the compiled profile is too large for the API server"));
  controller_->EnqueueAll(absl::ZeroDuration());
  EXPECT_THAT(Run(), IsEmpty());
}

TEST_F(PolicyControllerTest, StatusThatIsTooLargeIsNoMistakeOfThePolicy) {
  int failures = 1;
  kube_.SetHook([&](const FakeKubeClient::Call& call) -> absl::Status {
    if (call.verb == "patch" && call.subresource == "status" && failures-- > 0) {
      return absl::ResourceExhaustedError("etcdserver: request is too large");
    }
    return absl::OkStatus();
  });
  Apply(Policy("shop", "web"));
  Run();
  EXPECT_EQ(errors_.size(), 1u);
  controller_->EnqueueAll(absl::ZeroDuration());
  Run();
  EXPECT_EQ(Status()["phase"], "Pending");
}

TEST_F(PolicyControllerTest, FailedWriteIsTriedAgain) {
  int failures = 1;
  kube_.SetHook([&](const FakeKubeClient::Call& call) -> absl::Status {
    if (call.verb == "patch" && call.subresource == "status" && failures-- > 0) {
      return absl::UnavailableError("busy");
    }
    return absl::OkStatus();
  });
  Apply(Policy("shop", "web"));
  Run();
  EXPECT_EQ(errors_.size(), 1u);
  controller_->EnqueueAll(absl::ZeroDuration());
  Run();
  EXPECT_EQ(Status()["phase"], "Pending");
}

TEST_F(PolicyControllerTest, UsersAreToldOfWorkThatKeepsFailing) {
  Apply(Policy("shop", "web"));
  Run();
  kube_.TakeWrites();
  const absl::Status failure = absl::PermissionDeniedError("no ArmorProfiles for you");
  controller_->TellRetries("VarmorPolicy/shop/web", failure);
  controller_->TellRetries("VarmorPolicy/shop/web", failure);  // not twice a minute
  controller_->TellRetries("VarmorPolicy/shop/gone", failure);
  controller_->TellRetries("ArmorProfile/shop/varmor-shop-web", failure);
  leader_ = false;
  now_ += absl::Minutes(2);
  controller_->TellRetries("VarmorPolicy/shop/web", failure);
  EXPECT_EQ(kube_.TakeWrites().size(), 1u);
  const absl::StatusOr<KubeList> events = kube_.List(kEvents, {});
  ASSERT_EQ(events->items.size(), 1u);
  EXPECT_EQ(events->items[0]["reason"], "SyncRetry");
  EXPECT_THAT(events->items[0]["note"].get<std::string>(), HasSubstr("no ArmorProfiles for you"));
  EXPECT_EQ(events->items[0]["regarding"]["name"], "web");
}

TEST_F(PolicyControllerTest, RecordedBehaviourIsReadWhenItComes) {
  Json policy = Policy("shop", "web");
  policy["spec"]["policy"] = Json::parse(R"({"enforcer": "Seccomp", "mode": "DefenseInDepth",
      "defenseInDepth": {"seccomp": {"profileType": "BehaviorModel"}}})");
  Apply(policy);
  Run();
  EXPECT_EQ(Status()["phase"], "Error");
  EXPECT_THAT(Status()["conditions"][0]["message"].get<std::string>(), HasSubstr("G6: "));
  const Json model = Json::parse(R"({
      "apiVersion": "crd.varmor.org/v1beta1", "kind": "ArmorProfileModel",
      "metadata": {"name": "varmor-shop-web", "namespace": "shop"}, "storageType": "CRDInternal",
      "data": {"dynamicResult": {"seccomp": {"syscalls": ["read", "write", "exit_group"]}}}})");
  ASSERT_TRUE(models_.Set(model).ok());
  controller_->ModelChanged(model);
  Run();
  EXPECT_EQ(Status()["phase"], "Pending") << Status();
  // A file of a manager that is gone.
  Json elsewhere = model;
  elsewhere["storageType"] = "LocalDisk";
  EXPECT_THAT(std::string(models_.Set(elsewhere).message()), HasSubstr("LocalDisk"));
  controller_->ModelChanged(elsewhere);
  Run();
  EXPECT_EQ(Status()["phase"], "Error");
  EXPECT_THAT(Status()["conditions"].dump(), HasSubstr("Updated"));
}

TEST_F(PolicyControllerTest, AddressesOfServicesAreFollowed) {
  Json policy = Policy("shop", "web");
  policy["spec"]["policy"] = Json::parse(R"({"enforcer": "BPF", "mode": "EnhanceProtect",
      "enhanceProtect": {"attackProtectionRules": [{"rules": ["block-access-to-kube-apiserver"]}],
        "bpfRawRules": {"network": {"egress": {
          "toDestinations": [{"ip": "10.0.0.1", "ports": [{"port": 80}]}]}}}}})");
  Apply(policy);
  Run();
  const auto revision = [&] {
    return ArmorProfileRevision(Get(kArmorProfiles, "shop", "varmor-shop-web")["spec"]);
  };
  const std::string without = revision();
  Json service = Json::parse(R"({"kind": "Service",
      "metadata": {"namespace": "default", "name": "kubernetes"},
      "spec": {"clusterIPs": ["10.0.0.1"]}})");
  ASSERT_TRUE(addresses_.Changed(service));
  controller_->ClusterChanged();
  EXPECT_THAT(Run(), testing::Contains("update armorprofiles shop/varmor-shop-web"));
  EXPECT_NE(revision(), without);
  // What a user wrote about the same address stays when the service goes.
  ASSERT_TRUE(addresses_.Gone(service));
  controller_->ClusterChanged();
  Run();
  EXPECT_EQ(revision(), without);
  controller_->ClusterChanged();
  EXPECT_THAT(Run(), IsEmpty());
}

TEST_F(PolicyControllerTest, WorkloadsThatRunAreRestartedWhenThePolicyIsReady) {
  Json deployment = Json::parse(R"({"apiVersion": "apps/v1", "kind": "Deployment",
      "metadata": {"name": "web", "namespace": "shop",
                   "labels": {"sandbox.varmor.org/enable": "true"}},
      "spec": {"replicas": 1, "template": {"metadata": {},
                 "spec": {"containers": [{"name": "c", "image": "i"}]}}}})");
  ASSERT_TRUE(kube_.Create(kDeployments, "shop", deployment).ok());
  // Without the label, and of another name.
  deployment["metadata"]["name"] = "other";
  ASSERT_TRUE(kube_.Create(kDeployments, "shop", deployment).ok());
  const auto annotations = [&] {
    const Json stored = Get(kDeployments, "shop", "web");
    return stored["spec"]["template"]["metadata"].value("annotations", Json::object());
  };
  const auto workloads = [&] {
    const Json status = Status();
    for (const Json& condition : status["conditions"]) {
      if (condition["type"] == "WorkloadsUpdated") return condition.value("message", "");
    }
    return std::string();
  };
  Json policy = Policy("shop", "web");
  policy["spec"]["updateExistingWorkloads"] = true;
  Apply(policy);
  Run();
  EXPECT_TRUE(annotations().empty());  // the nodes do not have the profile yet
  Report("a");
  Report("b");
  EXPECT_THAT(Run(), testing::Contains("update deployments shop/web"));
  EXPECT_EQ(annotations()["container.apparmor.security.beta.kubernetes.io/c"],
            "localhost/varmor-shop-web");
  EXPECT_EQ(workloads(), "0 of 1 workloads run with the profile");
  ASSERT_TRUE(kube_
                  .Patch(kDeployments, "shop", "web", KubePatch::kMerge,
                         Json::parse(R"({"status": {"observedGeneration": 2,
                              "updatedReplicas": 1, "availableReplicas": 1}})"),
                         "status")
                  .ok());
  controller_->EnqueueAll(absl::ZeroDuration());
  Run();
  EXPECT_EQ(workloads(), "1 of 1 workloads run with the profile");
  controller_->EnqueueAll(absl::ZeroDuration());
  EXPECT_THAT(Run(), IsEmpty());
  NewManager();
  Report("a");
  Report("b");
  EXPECT_THAT(Run(), IsEmpty());
  // And back.
  ASSERT_TRUE(kube_.Delete(kVarmorPolicies, "shop", "web").ok());
  Run();
  EXPECT_FALSE(annotations().contains("container.apparmor.security.beta.kubernetes.io/c"));
  EXPECT_TRUE(Get(kDeployments, "shop", "other")["spec"]["template"]["metadata"].empty());
}

TEST_F(PolicyControllerTest, ViolationsAreWrittenNowAndThen) {
  Protect();
  now_ += absl::Minutes(4);
  controller_->EnqueueAll(absl::ZeroDuration());
  EXPECT_THAT(Run(), IsEmpty());
  const auto report = [&](int denied) {
    NodeReport node;
    node.node_name = "a";
    node.profiles["shop/varmor-shop-web"] = {
        ArmorProfileRevision(Get(kArmorProfiles, "shop", "varmor-shop-web")["spec"]),
        ProfileState::kSucceeded, "Ready"};
    node.violations["shop/varmor-shop-web"] = {denied, 0, "2025-01-01T00:00:00Z"};
    controller_->reports().Add(node);
  };
  report(3);
  EXPECT_THAT(Run(), ElementsAre("patch varmorpolicies/status shop/web"));
  EXPECT_EQ(Status()["violations"]["denied"], 3);
  report(4);
  EXPECT_THAT(Run(), IsEmpty());
  now_ += absl::Minutes(5);
  controller_->EnqueueAll(absl::ZeroDuration());
  EXPECT_THAT(Run(), ElementsAre("patch varmorpolicies/status shop/web"));
  EXPECT_EQ(Status()["violations"]["total"], 4);
}

TEST_F(PolicyControllerTest, NodesComeAndGo) {
  Protect();
  now_ += absl::Minutes(4);
  AddAgent("c");
  Run();
  EXPECT_EQ(Status()["phase"], "Pending");
  EXPECT_EQ(Status()["desiredNodes"], 3);
  agents_.pop_back();
  controller_->AgentPodGone({{"metadata", {{"name", "agent-c"}}}});
  FeedAgents();
  Run();
  EXPECT_EQ(Status()["phase"], "Protecting");
  EXPECT_EQ(controller_->NodeOfPod("agent-a"), "a");
  EXPECT_EQ(controller_->NodeOfPod("agent-c"), "");
}

TEST_F(PolicyControllerTest, NodeThatIsGoneIsNotWaitedForAndDoesNotCount) {
  Apply(Policy("shop", "web"));
  Run();
  Report("b");
  Run();
  EXPECT_EQ(Status()["phase"], "Pending");
  // Its pod, and what the DaemonSet says, stay as they are.
  controller_->NodeGone({{"metadata", {{"name", "a"}}}});
  Run();
  EXPECT_EQ(Status()["phase"], "Protecting");
  EXPECT_EQ(Status()["desiredNodes"], 1);
  Report("a", ProfileState::kFailed);
  Run();
  EXPECT_EQ(Status()["phase"], "Protecting");
}

TEST_F(PolicyControllerTest, ReportsAreCollectedUnlessPeopleWaitForThem) {
  Apply(Policy("shop", "web"));
  Run();
  const auto after = [&](const std::string& node, ProfileState state) {
    Report(node, state);
    const absl::Duration wait = after_["VarmorPolicy/shop/web"];
    Run();
    return wait;
  };
  EXPECT_EQ(after("a", ProfileState::kSucceeded), absl::Seconds(2));
  EXPECT_EQ(after("b", ProfileState::kSucceeded), absl::ZeroDuration());  // ready
  EXPECT_EQ(after("a", ProfileState::kFailed), absl::ZeroDuration());     // broken
  EXPECT_EQ(after("b", ProfileState::kFailed), absl::Seconds(2));
  const std::pair<int, int> kWindows[] = {{99, 2}, {100, 5}, {1000, 10}, {5000, 20}, {8000, 30}};
  for (const auto& [nodes, seconds] : kWindows) {
    controller_->AgentDaemonSetChanged({{"status", {{"desiredNumberScheduled", nodes}}}});
    EXPECT_EQ(after("a", ProfileState::kSucceeded), absl::Seconds(seconds)) << nodes;
    EXPECT_EQ(after("a", ProfileState::kFailed), absl::Seconds(seconds)) << nodes;
  }
}

TEST_F(PolicyControllerTest, ManyPoliciesStaySilentWhenNothingChanges) {
  for (int i = 0; i < 200; ++i) Apply(Policy("shop", absl::StrCat("p", i)));
  Run();
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(Status("shop", absl::StrCat("p", i))["phase"], "Pending");
  }
  NewManager();
  EXPECT_THAT(Run(), IsEmpty());
}

}  // namespace
}  // namespace varmor
