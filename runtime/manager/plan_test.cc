#include "runtime/manager/plan.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "runtime/protocol/armor_profile.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Kind = PlanAction::Kind;

// One policy and what the planner makes of it, with the parts of an API server that matter here:
// generations, status apart from the rest, finalizers that hold an object.
class Cluster {
 public:
  Cluster() {
    policy = Json::parse(R"({
      "apiVersion": "crd.varmor.org/v1beta1", "kind": "VarmorPolicy",
      "metadata": {"name": "web", "namespace": "shop", "uid": "u1", "generation": 1,
                   "labels": {"team": "a"}},
      "spec": {
        "target": {"kind": "Deployment", "name": "web"},
        "policy": {"enforcer": "AppArmorSeccomp", "mode": "EnhanceProtect",
                   "enhanceProtect": {"hardeningRules": ["disallow-mount"]}}}})");
    agents = {2, {"a", "b"}};
  }

  void Edit(const char* merge_patch) {
    policy["spec"].merge_patch(Json::parse(merge_patch));
    policy["metadata"]["generation"] = policy["metadata"]["generation"].get<int>() + 1;
  }

  ProfileDraft Draft() {
    auto draft = DraftProfile(policy, features, nullptr, nullptr, BuiltinCatalogue());
    EXPECT_TRUE(draft.ok()) << draft.status();
    return *draft;
  }

  PolicyPlan Plan() {
    const ProfileDraft draft = Draft();
    PolicyView view;
    view.policy = &policy;
    view.draft = &draft;
    view.armor_profile = profile.is_null() ? nullptr : &profile;
    view.owner_exists = owner_exists;
    view.same_name = same_name;
    view.reports = &reports;
    view.agents = &agents;
    view.settled = settled;
    view.violations = violations;
    view.now = now;
    return PlanPolicy(view);
  }

  // Plans, carries it out, and returns the names of the actions. Nothing is left to do afterwards.
  std::vector<std::string> Step() {
    std::vector<std::string> names;
    for (const PlanAction& action : Plan().actions) {
      names.push_back(PlanActionName(action.kind));
      CarryOut(action);
    }
    if (!policy.is_null() && !policy["metadata"].contains("deletionTimestamp")) {
      EXPECT_THAT(Plan().actions, IsEmpty());
    }
    now += absl::Seconds(10);
    return names;
  }

  void CarryOut(const PlanAction& action) {
    switch (action.kind) {
      case Kind::kPatchPolicy:
        policy.merge_patch(action.body);
        Collect(policy);
        break;
      case Kind::kPatchPolicyStatus:
        policy["status"].merge_patch(action.body["status"]);
        break;
      case Kind::kCreateProfile:
        ASSERT_TRUE(profile.is_null());
        profile = action.body;
        break;
      case Kind::kUpdateProfile: {
        const Json status = profile.contains("status") ? profile["status"] : Json();
        profile = action.body;
        if (!status.is_null()) profile["status"] = status;
        break;
      }
      case Kind::kPatchProfile:
        profile.merge_patch(action.body);
        Collect(profile);
        break;
      case Kind::kPatchProfileStatus:
        profile["status"].merge_patch(action.body["status"]);
        break;
      case Kind::kDeleteProfile:
        if (!profile.is_null()) profile["metadata"]["deletionTimestamp"] = TimeText(now);
        Collect(profile);
        break;
      case Kind::kEvent:
        events.push_back(action.body);
        break;
    }
  }

  void Report(const std::string& node, ProfileState state, const std::string& message = "Ready") {
    reports[node] = {ArmorProfileRevision(profile["spec"]), state, message};
  }

  Json Condition(const char* type) const {
    for (const Json& condition : policy["status"]["conditions"]) {
      if (condition["type"] == type) return condition;
    }
    return nullptr;
  }
  // "True/Reason".
  std::string State(const char* type) const {
    const Json condition = Condition(type);
    if (condition.is_null()) return "";
    return condition["status"].get<std::string>() + "/" + condition.value("reason", "");
  }
  std::string Phase() const { return policy["status"]["phase"]; }
  bool Ready() const { return policy["status"]["ready"]; }

  // A policy whose nodes all loaded it.
  void Protect() {
    Step();
    Report("a", ProfileState::kSucceeded);
    Report("b", ProfileState::kSucceeded);
    Step();
    ASSERT_EQ(Phase(), "Protecting");
  }

  Json policy;
  Json profile;
  bool owner_exists = true;
  std::string same_name;
  ProfileReports reports;
  AgentNodes agents;
  PolicyFeatures features;
  bool settled = true;
  const NodeViolations* violations = nullptr;
  absl::Time now = absl::FromUnixSeconds(1735689600);
  std::vector<Json> events;

 private:
  // An object that is being deleted goes when nothing holds it.
  static void Collect(Json& object) {
    if (object.is_null() || !object["metadata"].contains("deletionTimestamp")) return;
    if (!object["metadata"].contains("finalizers") || object["metadata"]["finalizers"].empty()) {
      object = nullptr;
    }
  }
};

TEST(PlanTest, CreatesTheProfileOfAPolicy) {
  Cluster cluster;
  EXPECT_THAT(cluster.Step(), ElementsAre("PatchPolicy", "CreateProfile", "PatchPolicyStatus",
                                          "PatchProfileStatus"));
  const Json& metadata = cluster.profile["metadata"];
  EXPECT_EQ(metadata["name"], "varmor-shop-web");
  EXPECT_EQ(metadata["namespace"], "shop");
  EXPECT_EQ(metadata["labels"], cluster.policy["metadata"]["labels"]);
  EXPECT_EQ(metadata["finalizers"], Json({kArmorProfileFinalizer}));
  EXPECT_EQ(metadata["ownerReferences"],
            Json::parse(R"([{"apiVersion": "crd.varmor.org/v1beta1", "kind": "VarmorPolicy",
                             "name": "web", "uid": "u1", "controller": true}])"));
  EXPECT_TRUE(ParseArmorProfile(cluster.profile).ok());
  EXPECT_EQ(cluster.policy["metadata"]["finalizers"], Json({kPolicyFinalizer}));
  const Json& status = cluster.policy["status"];
  EXPECT_EQ(status["profileName"], "varmor-shop-web");
  EXPECT_EQ(status["phase"], "Pending");
  EXPECT_EQ(status["ready"], false);
  EXPECT_EQ(status["observedGeneration"], 1);
  EXPECT_EQ(status["desiredNodes"], 2);
  EXPECT_EQ(cluster.State("Created"), "True/");
  EXPECT_EQ(cluster.State("Ready"), "False/Processing");
  EXPECT_EQ(cluster.State("Updated"), "");
  EXPECT_EQ(cluster.profile["status"]["desiredNumberLoaded"], 2);
}

TEST(PlanTest, ClusterPoliciesHaveTheirProfileInTheInstallation) {
  Cluster cluster;
  cluster.policy["kind"] = "VarmorClusterPolicy";
  cluster.policy["metadata"].erase("namespace");
  cluster.features.install_namespace = "security";
  cluster.Step();
  EXPECT_EQ(cluster.profile["metadata"]["name"], "varmor-cluster-security-web");
  EXPECT_EQ(cluster.profile["metadata"]["namespace"], "security");
  EXPECT_EQ(cluster.profile["metadata"]["ownerReferences"][0]["kind"], "VarmorClusterPolicy");
}

TEST(PlanTest, ReadyWhenAllNodesLoaded) {
  Cluster cluster;
  cluster.Step();
  cluster.Report("a", ProfileState::kSucceeded);
  EXPECT_THAT(cluster.Step(), ElementsAre("PatchPolicyStatus", "PatchProfileStatus"));
  EXPECT_EQ(cluster.Phase(), "Pending");
  EXPECT_EQ(cluster.policy["status"]["loadedNodes"], 1);
  cluster.Report("b", ProfileState::kSucceeded);
  cluster.Step();
  EXPECT_EQ(cluster.Phase(), "Protecting");
  EXPECT_TRUE(cluster.Ready());
  EXPECT_EQ(cluster.State("Ready"), "True/AllAgentsReady");
  EXPECT_EQ(cluster.profile["status"]["currentNumberLoaded"], 2);
  EXPECT_THAT(cluster.Step(), IsEmpty());
}

TEST(PlanTest, FailedNodeMakesAnErrorUntilItSucceedsOrLeaves) {
  Cluster cluster;
  cluster.Protect();
  cluster.Report("b", ProfileState::kFailed, "no");
  cluster.Step();
  EXPECT_EQ(cluster.Phase(), "Error");
  EXPECT_FALSE(cluster.Ready());
  EXPECT_EQ(cluster.State("Ready"), "False/Error");
  EXPECT_EQ(cluster.policy["status"]["failedNodes"], 1);
  EXPECT_EQ(cluster.profile["status"]["conditions"][0]["nodeName"], "b");
  cluster.Report("b", ProfileState::kSucceeded);
  cluster.Step();
  EXPECT_EQ(cluster.Phase(), "Protecting");
  EXPECT_FALSE(cluster.profile["status"].contains("conditions"));
  cluster.Report("b", ProfileState::kFailed, "no");
  cluster.Step();
  cluster.agents = {1, {"a"}};
  cluster.Step();
  EXPECT_EQ(cluster.Phase(), "Protecting");
  EXPECT_TRUE(cluster.Ready());
}

TEST(PlanTest, NewNodeIsWaitedFor) {
  Cluster cluster;
  cluster.Protect();
  cluster.agents = {3, {"a", "b", "c"}};
  cluster.Step();
  EXPECT_EQ(cluster.Phase(), "Pending");
  EXPECT_EQ(cluster.Condition("Ready")["message"], "waiting for 1 of 3 nodes");
}

TEST(PlanTest, UpdateReplacesTheProfileAndWaitsForNodesAgain) {
  Cluster cluster;
  cluster.Protect();
  cluster.Edit(R"({"policy": {"enhanceProtect": {"hardeningRules": ["disallow-umount"]}}})");
  const std::string before = ArmorProfileRevision(cluster.profile["spec"]);
  EXPECT_THAT(cluster.Step(),
              ElementsAre("UpdateProfile", "PatchPolicyStatus", "PatchProfileStatus"));
  EXPECT_NE(ArmorProfileRevision(cluster.profile["spec"]), before);
  EXPECT_EQ(cluster.Phase(), "Pending");
  EXPECT_FALSE(cluster.Ready());
  EXPECT_EQ(cluster.State("Updated"), "True/");
  EXPECT_EQ(cluster.policy["status"]["observedGeneration"], 2);
  // A late report about the old profile does not count.
  cluster.reports["a"].revision = before;
  EXPECT_THAT(cluster.Step(), IsEmpty());
  cluster.Report("a", ProfileState::kSucceeded);
  cluster.Report("b", ProfileState::kSucceeded);
  cluster.Step();
  EXPECT_EQ(cluster.Phase(), "Protecting");
}

TEST(PlanTest, UpdateThatCompilesToTheSameChangesNothingButTheGeneration) {
  Cluster cluster;
  cluster.Protect();
  cluster.Edit(R"({"policy": {"enhanceProtect": {"hardeningRules": ["DISALLOW_MOUNT"]}}})");
  EXPECT_THAT(cluster.Step(), ElementsAre("PatchPolicyStatus"));
  EXPECT_EQ(cluster.Phase(), "Protecting");
  EXPECT_TRUE(cluster.Ready());
  EXPECT_EQ(cluster.State("Updated"), "True/");
}

struct RefusedCase {
  const char* code;
  const char* patch;  // RFC 7396, onto spec
  const char* reason;
};

constexpr RefusedCase kRefusedAtCreation[] = {
    {"C1", R"({"target": {"kind": "Job"}})", "Forbidden"},
    {"C2", R"({"target": {"name": null}})", "Forbidden"},
    {"C3", R"({"target": {"selector": {"matchLabels": {"a": "b"}}}})", "Forbidden"},
    {"C4", R"({"policy": {"enhanceProtect": null}})", "Forbidden"},
    {"C5", R"({"policy": {"mode": "BehaviorModeling", "modelingOptions": {"duration": 1}}})",
     "Forbidden"},
    {"C6", R"({"policy": {"mode": "BehaviorModeling"}})", "Forbidden"},
    {"C8", R"({"policy": {"mode": "DefenseInDepth"}})", "Forbidden"},
    {"G1", R"({"policy": {"enforcer": "SELinux"}})", "Error"},
    {"G2", R"({"policy": {"mode": "Protect"}})", "Error"},
    {"G17", R"({"policy": {"enhanceProtect": {"hardeningRules": ["disallow-mout"]}}})", "Error"},
    {"G19", R"({"policy": {"enhanceProtect": {"appArmorRawRules": [{"rules": "deny /x r"}]}}})",
     "Error"},
    {"S1", R"({"policy": {"enhanceProtect": {"hardeningRule": ["disallow-mount"]}}})", "Error"},
};

TEST(PlanTest, RefusedPolicyGetsNoProfile) {
  for (const RefusedCase& c : kRefusedAtCreation) {
    SCOPED_TRACE(c.patch);
    Cluster cluster;
    cluster.policy["spec"].merge_patch(Json::parse(c.patch));
    EXPECT_THAT(cluster.Step(), ElementsAre("PatchPolicyStatus", "Event"));
    EXPECT_TRUE(cluster.profile.is_null());
    EXPECT_EQ(cluster.Phase(), "Error");
    EXPECT_FALSE(cluster.Ready());
    EXPECT_EQ(cluster.State("Created"), std::string("False/") + c.reason);
    EXPECT_THAT(cluster.Condition("Created")["message"].get<std::string>(),
                HasSubstr(std::string(c.code) + ": "));
    EXPECT_FALSE(cluster.policy["status"].contains("observedGeneration"));
    EXPECT_EQ(cluster.events[0]["type"], "Warning");
  }
}

TEST(PlanTest, RefusedPolicyThatIsMendedIsCreated) {
  Cluster cluster;
  cluster.policy["spec"]["policy"]["enhanceProtect"]["hardeningRules"] = {"disallow-mout"};
  cluster.Step();
  cluster.Edit(R"({"policy": {"enhanceProtect": {"hardeningRules": ["disallow-mount"]}}})");
  cluster.Step();
  EXPECT_EQ(cluster.State("Created"), "True/");
  EXPECT_EQ(cluster.Phase(), "Pending");
  EXPECT_FALSE(cluster.profile.is_null());
}

constexpr RefusedCase kRefusedAtUpdate[] = {
    {"U1", R"({"target": {"name": "other"}})", "Forbidden"},
    {"U4", R"({"policy": {"enforcer": "AppArmor"}})", "Forbidden"},
    {"C4", R"({"policy": {"enhanceProtect": null}})", "Forbidden"},
    {"C6", R"({"policy": {"mode": "BehaviorModeling"}})", "Forbidden"},
    {"C8", R"({"policy": {"mode": "DefenseInDepth"}})", "Forbidden"},
    {"G1", R"({"policy": {"enforcer": "SELinux"}})", "Error"},
    {"G17", R"({"policy": {"enhanceProtect": {"hardeningRules": ["disallow-mout"]}}})", "Error"},
};

TEST(PlanTest, RefusedUpdateLeavesInForceWhatIsInForce) {
  for (const RefusedCase& c : kRefusedAtUpdate) {
    SCOPED_TRACE(c.patch);
    Cluster cluster;
    cluster.Protect();
    const Json profile = cluster.profile;
    cluster.Edit(c.patch);
    EXPECT_THAT(cluster.Step(), ElementsAre("PatchPolicyStatus", "Event"));
    EXPECT_EQ(cluster.profile, profile);
    EXPECT_EQ(cluster.Phase(), "Error");
    EXPECT_TRUE(cluster.Ready());
    EXPECT_EQ(cluster.policy["status"]["loadedNodes"], 2);
    EXPECT_EQ(cluster.policy["status"]["observedGeneration"], 1);
    EXPECT_EQ(cluster.State("Updated"), std::string("False/") + c.reason);
    EXPECT_EQ(cluster.State("Created"), "True/");
    EXPECT_THAT(cluster.Condition("Updated")["message"].get<std::string>(),
                HasSubstr(std::string(c.code) + ": "));
    // Taken back: all is as it was.
    cluster.Edit(
        R"({"target": {"name": "web"}, "policy": {"enforcer": "AppArmorSeccomp",
            "mode": "EnhanceProtect",
            "enhanceProtect": {"hardeningRules": ["disallow-mount"]}}})");
    EXPECT_THAT(cluster.Step(), ElementsAre("PatchPolicyStatus"));
    EXPECT_EQ(cluster.profile, profile);
    EXPECT_EQ(cluster.Phase(), "Protecting");
    EXPECT_EQ(cluster.State("Updated"), "True/");
    EXPECT_EQ(cluster.policy["status"]["observedGeneration"], 3);
  }
}

TEST(PlanTest, ReportsGoOnCountingWhileAnUpdateIsRefused) {
  Cluster cluster;
  cluster.Protect();
  cluster.Edit(R"({"target": {"name": "other"}})");
  cluster.Step();
  cluster.Report("b", ProfileState::kFailed, "no");
  cluster.Step();
  EXPECT_FALSE(cluster.Ready());
  EXPECT_EQ(cluster.policy["status"]["failedNodes"], 1);
  EXPECT_EQ(cluster.State("Ready"), "False/Error");
  EXPECT_EQ(cluster.State("Updated"), "False/Forbidden");
  // That is no reason to complain again.
  EXPECT_EQ(cluster.events.size(), 1u);
}

TEST(PlanTest, EnforcersMayBeAdded) {
  Cluster cluster;
  cluster.Protect();
  cluster.Edit(R"({"policy": {"enforcer": "BPFSeccompAppArmor"}})");
  cluster.Step();
  EXPECT_EQ(cluster.profile["spec"]["profile"]["enforcer"], "AppArmorBPFSeccomp");
  cluster.Edit(R"({"policy": {"enforcer": "AppArmorSeccomp"}})");
  cluster.Step();
  EXPECT_EQ(cluster.profile["spec"]["profile"]["enforcer"], "AppArmorSeccomp");
}

TEST(PlanTest, NameOfAnotherProfileIsRefused) {
  Cluster cluster;
  cluster.same_name = "shop-web/varmor-shop-web";
  EXPECT_THAT(cluster.Step(), ElementsAre("PatchPolicyStatus", "Event"));
  EXPECT_EQ(cluster.State("Created"), "False/NameCollision");
  EXPECT_THAT(cluster.Condition("Created")["message"].get<std::string>(),
              HasSubstr("is that of ArmorProfile shop-web/varmor-shop-web"));
  // The other one went.
  cluster.same_name = "";
  cluster.Step();
  EXPECT_EQ(cluster.State("Created"), "True/");
}

TEST(PlanTest, ProfileOfAnotherPolicyIsNotTaken) {
  Cluster other;
  other.Step();
  Cluster cluster;
  cluster.policy["metadata"]["uid"] = "u2";
  cluster.profile = other.profile;
  EXPECT_THAT(cluster.Step(), ElementsAre("PatchPolicyStatus", "Event"));
  EXPECT_EQ(cluster.profile, other.profile);
  EXPECT_EQ(cluster.State("Created"), "False/NameCollision");
}

TEST(PlanTest, ProfileWithoutAnOwnerIsTakenOver) {
  Cluster cluster;
  cluster.Step();
  cluster.policy["metadata"]["uid"] = "u2";
  cluster.policy["metadata"].erase("finalizers");
  cluster.policy.erase("status");
  // Bound to nothing that the former policy said.
  cluster.policy["spec"]["target"]["name"] = "other";
  cluster.profile["metadata"]["annotations"] = {{kRetireAnnotation, "true"}, {"a", "b"}};
  cluster.owner_exists = false;
  EXPECT_THAT(cluster.Step(), ElementsAre("PatchPolicy", "UpdateProfile", "PatchPolicyStatus"));
  EXPECT_EQ(cluster.profile["metadata"]["ownerReferences"][0]["uid"], "u2");
  EXPECT_EQ(cluster.profile["metadata"]["annotations"],
            Json({{"a", "b"}, {kPolicyModeAnnotation, cluster.policy["spec"]["policy"]["mode"]}}));
  EXPECT_EQ(cluster.profile["spec"]["target"]["name"], "other");
}

TEST(PlanTest, ProfileThatSomebodyDeletedIsMadeAgain) {
  Cluster cluster;
  cluster.Protect();
  cluster.profile["metadata"]["deletionTimestamp"] = TimeText(cluster.now);
  const PolicyPlan plan = cluster.Plan();
  ASSERT_EQ(plan.actions.size(), 1u);
  cluster.CarryOut(plan.actions[0]);
  EXPECT_TRUE(cluster.profile.is_null());
  EXPECT_LT(plan.again, absl::Minutes(1));
  EXPECT_EQ(cluster.Step()[0], "CreateProfile");
}

TEST(PlanTest, ProfileThatSomebodyEditedIsMended) {
  Cluster cluster;
  cluster.Protect();
  const Json profile = cluster.profile;
  cluster.profile["spec"]["profile"]["mode"] = "complain";
  cluster.profile["metadata"].erase("ownerReferences");
  cluster.owner_exists = false;
  EXPECT_THAT(cluster.Step(), ElementsAre("UpdateProfile"));
  EXPECT_EQ(cluster.profile, profile);
}

TEST(PlanTest, NewLeaderDoesNotDoubtWhatItHasNotHeardAbout) {
  for (const bool failed : {false, true}) {
    SCOPED_TRACE(failed);
    Cluster cluster;
    cluster.Protect();
    if (failed) {
      cluster.Report("b", ProfileState::kFailed, "no");
      cluster.Step();
    }
    const Json status = cluster.policy["status"];
    const Json profile = cluster.profile;
    const ProfileReports reports = cluster.reports;
    cluster.settled = false;
    cluster.reports.clear();
    EXPECT_THAT(cluster.Step(), IsEmpty());
    cluster.reports["a"] = reports.at("a");
    EXPECT_THAT(cluster.Step(), IsEmpty());
    cluster.reports = reports;
    EXPECT_THAT(cluster.Step(), IsEmpty());
    EXPECT_EQ(cluster.policy["status"], status);
    EXPECT_EQ(cluster.profile, profile);
    // Whoever stays silent is missing.
    cluster.reports.erase("b");
    cluster.settled = true;
    cluster.Step();
    EXPECT_EQ(cluster.Phase(), "Pending");
  }
}

TEST(PlanTest, NewLeaderReactsToEditsAndFailuresAtOnce) {
  Cluster cluster;
  cluster.Protect();
  cluster.settled = false;
  cluster.reports.clear();
  cluster.Report("a", ProfileState::kFailed, "no");
  cluster.Step();
  EXPECT_EQ(cluster.Phase(), "Error");
  cluster.Edit(R"({"policy": {"enhanceProtect": {"hardeningRules": ["disallow-umount"]}}})");
  cluster.Step();
  EXPECT_EQ(cluster.Phase(), "Pending");
}

TEST(PlanTest, DeletionWaitsUntilNobodyUsesTheProfile) {
  Cluster cluster;
  cluster.Protect();
  cluster.policy["metadata"]["deletionTimestamp"] = TimeText(cluster.now);
  EXPECT_THAT(cluster.Step(), ElementsAre("PatchProfile", "PatchPolicyStatus"));
  EXPECT_EQ(cluster.profile["metadata"]["annotations"][kRetireAnnotation], "true");
  EXPECT_EQ(cluster.State("Deleting"), "True/Retiring");
  EXPECT_LE(cluster.Plan().again, absl::Minutes(10));
  cluster.Report("a", ProfileState::kRetired);
  EXPECT_THAT(cluster.Step(), ElementsAre("PatchPolicyStatus"));
  EXPECT_FALSE(cluster.profile.is_null());
  cluster.Report("b", ProfileState::kRetired);
  EXPECT_THAT(cluster.Step(), ElementsAre("PatchProfile", "DeleteProfile", "PatchPolicy"));
  EXPECT_TRUE(cluster.profile.is_null());
  EXPECT_TRUE(cluster.policy.is_null());
}

TEST(PlanTest, DeletionDoesNotWaitForEver) {
  Cluster cluster;
  cluster.Protect();
  cluster.policy["metadata"]["deletionTimestamp"] = TimeText(cluster.now);
  cluster.Step();
  cluster.now += absl::Minutes(11);
  cluster.Step();
  EXPECT_TRUE(cluster.profile.is_null());
  EXPECT_TRUE(cluster.policy.is_null());
}

TEST(PlanTest, DeletionOfAPolicyWithoutAProfileIsImmediate) {
  Cluster cluster;
  cluster.policy["metadata"]["finalizers"] = {kPolicyFinalizer};
  cluster.policy["metadata"]["deletionTimestamp"] = TimeText(cluster.now);
  EXPECT_THAT(cluster.Step(), ElementsAre("PatchPolicy"));
  EXPECT_TRUE(cluster.policy.is_null());
}

TEST(PlanTest, OrphanRetiresAndGoes) {
  Cluster cluster;
  cluster.Protect();
  const auto plan = [&] {
    return PlanOrphan(cluster.profile, cluster.reports, cluster.agents, absl::Minutes(10),
                      cluster.now);
  };
  for (const PlanAction& action : plan().actions) cluster.CarryOut(action);
  EXPECT_EQ(cluster.profile["metadata"]["annotations"][kRetireAnnotation], "true");
  ASSERT_TRUE(cluster.profile["metadata"].contains("deletionTimestamp"));
  EXPECT_THAT(plan().actions, IsEmpty());
  cluster.Report("a", ProfileState::kRetired);
  cluster.Report("b", ProfileState::kRetired);
  for (const PlanAction& action : plan().actions) cluster.CarryOut(action);
  EXPECT_TRUE(cluster.profile.is_null());
}

TEST(PlanTest, OrphanDoesNotWaitForEver) {
  Cluster cluster;
  cluster.Protect();
  cluster.profile["metadata"]["deletionTimestamp"] = TimeText(cluster.now);
  cluster.now += absl::Minutes(11);
  const PolicyPlan plan =
      PlanOrphan(cluster.profile, cluster.reports, cluster.agents, absl::Minutes(10), cluster.now);
  for (const PlanAction& action : plan.actions) cluster.CarryOut(action);
  EXPECT_TRUE(cluster.profile.is_null());
}

TEST(PlanTest, WarningsBecomeAnEventOnce) {
  Cluster cluster;
  cluster.features.lenient = true;
  cluster.policy["spec"]["policy"]["enhanceProtect"]["hardeningRules"] = {"disallow-mount",
                                                                          "disallow-mout"};
  cluster.Step();
  ASSERT_EQ(cluster.events.size(), 1u);
  EXPECT_EQ(cluster.events[0]["reason"], "PolicyWarning");
  EXPECT_THAT(cluster.events[0]["message"].get<std::string>(), HasSubstr("G17: "));
  cluster.Report("a", ProfileState::kSucceeded);
  cluster.Step();
  EXPECT_EQ(cluster.events.size(), 1u);
}

TEST(PlanTest, ViolationsAreWrittenWhenTheyAreGiven) {
  Cluster cluster;
  cluster.Protect();
  EXPECT_FALSE(cluster.policy["status"].contains("violations"));
  const NodeViolations violations = {3, 1, "2025-01-01T00:00:00Z"};
  cluster.violations = &violations;
  EXPECT_THAT(cluster.Step(), ElementsAre("PatchPolicyStatus"));
  EXPECT_EQ(cluster.policy["status"]["violations"],
            Json::parse(R"({"total": 4, "denied": 3, "allowed": 1,
                            "lastTime": "2025-01-01T00:00:00Z"})"));
  cluster.violations = nullptr;
  EXPECT_THAT(cluster.Step(), IsEmpty());
}

// Any sequence of edits and reports ends with the status that a fresh start would compute.
TEST(PlanTest, StatusDoesNotDependOnTheWay) {
  const char* const edits[] = {
      R"({"policy": {"enhanceProtect": {"hardeningRules": ["disallow-umount"]}}})",
      R"({"target": {"name": "other"}})",
      R"({"target": {"name": "web"}})",
      R"({"policy": {"mode": "RuntimeDefault"}})",
      R"({"policy": {"mode": "Bad"}})",
      R"({"policy": {"mode": "EnhanceProtect"}})",
      R"({"policy": {"enforcer": "AppArmorBPFSeccomp"}})"};
  uint32_t random = 7;
  const auto next = [&](uint32_t bound) {
    random = random * 1664525 + 1013904223;
    return (random >> 16) % bound;
  };
  for (int run = 0; run < 20; ++run) {
    Cluster cluster;
    cluster.Step();
    for (int i = 0; i < 12; ++i) {
      switch (next(4)) {
        case 0:
          cluster.Edit(edits[next(std::size(edits))]);
          break;
        case 1:
          cluster.settled = !cluster.settled;
          break;
        default:
          cluster.Report(next(2) == 0 ? "a" : "b",
                         next(3) == 0 ? ProfileState::kFailed : ProfileState::kSucceeded);
      }
      cluster.Step();
    }
    cluster.settled = true;
    cluster.Step();
    Cluster fresh;
    fresh.policy = cluster.policy;
    fresh.policy.erase("status");
    fresh.profile = cluster.profile;
    fresh.profile.erase("status");
    fresh.reports = cluster.reports;
    fresh.Step();
    for (const char* key : {"phase", "ready", "loadedNodes", "failedNodes", "desiredNodes"}) {
      EXPECT_EQ(fresh.policy["status"][key], cluster.policy["status"][key]) << run << " " << key;
    }
    EXPECT_EQ(fresh.profile["status"]["currentNumberLoaded"],
              cluster.profile["status"]["currentNumberLoaded"]);
  }
}

}  // namespace
}  // namespace varmor
