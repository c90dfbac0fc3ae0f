#include "runtime/manager/rollout.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/manager/status.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1735689600);

Json Deployment(const std::string& name) {
  return {
      {"kind", "Deployment"},
      {"metadata", {{"namespace", "shop"}, {"name", name}, {"generation", 1}}},
      {"spec",
       {{"replicas", 2},
        {"template",
         {{"metadata", {{"labels", {{"app", name}}}}},
          {"spec", {{"containers", {{{"name", "c"}, {"image", "i"}}}}}}}}}},
      {"status", {{"observedGeneration", 1}, {"updatedReplicas", 2}, {"availableReplicas", 2}}}};
}

RolloutView View(std::vector<Json> workloads) {
  RolloutView view;
  view.workloads = std::move(workloads);
  view.protection.profile_name = "varmor-shop-web";
  view.protection.enforcers.app_armor = true;
  view.now = kNow;
  return view;
}

// As the workload is stored, and its pods are being replaced.
Json UnderWay(Json workload) {
  workload["metadata"]["generation"] = 2;
  return workload;
}

std::vector<std::string> Names(const Rollout& rollout) {
  std::vector<std::string> names;
  for (const Json& update : rollout.updates) names.push_back(update["metadata"]["name"]);
  return names;
}

TEST(RolloutTest, TemplateGetsTheProfileAndTheTime) {
  const Rollout rollout = PlanRollout(View({Deployment("web")}), {});
  ASSERT_THAT(Names(rollout), ElementsAre("web"));
  const Json& annotations = rollout.updates[0]["spec"]["template"]["metadata"]["annotations"];
  EXPECT_EQ(annotations["container.apparmor.security.beta.kubernetes.io/c"],
            "localhost/varmor-shop-web");
  EXPECT_EQ(annotations[kRestartedAnnotation], "2025-01-01T00:00:00Z");
  EXPECT_EQ(rollout.total, 1);
  EXPECT_FALSE(rollout.finished());
  // Nothing but the template.
  Json update = rollout.updates[0];
  update["spec"]["template"] = Deployment("web")["spec"]["template"];
  EXPECT_EQ(update, Deployment("web"));
}

TEST(RolloutTest, IsFinishedWhenPodsAreAvailableAgain) {
  Json workload = PlanRollout(View({Deployment("web")}), {}).updates[0];
  Rollout rollout = PlanRollout(View({UnderWay(workload)}), {});
  EXPECT_THAT(rollout.updates, IsEmpty());
  EXPECT_FALSE(rollout.finished());
  rollout = PlanRollout(View({workload}), {});
  EXPECT_THAT(rollout.updates, IsEmpty());
  EXPECT_TRUE(rollout.finished());
}

TEST(RolloutTest, WorkloadsThatAreProtectedAlreadyAreNotRestarted) {
  Json workload = PlanRollout(View({Deployment("web")}), {}).updates[0];
  workload["spec"]["template"]["metadata"]["annotations"].erase(kRestartedAnnotation);
  // By the webhook, and busy with something of its own.
  const Rollout rollout = PlanRollout(View({UnderWay(workload)}), {});
  EXPECT_THAT(rollout.updates, IsEmpty());
  EXPECT_TRUE(rollout.finished());
}

TEST(RolloutTest, FewAtATimeInOrder) {
  RolloutOptions options;
  options.most = 2;
  std::vector<Json> workloads = {Deployment("c"), Deployment("a"), Deployment("b")};
  Rollout rollout = PlanRollout(View(workloads), options);
  EXPECT_THAT(Names(rollout), ElementsAre("a", "b"));
  workloads[1] = UnderWay(rollout.updates[0]);
  workloads[2] = UnderWay(rollout.updates[1]);
  EXPECT_THAT(Names(PlanRollout(View(workloads), options)), IsEmpty());
  workloads[1] = rollout.updates[0];
  rollout = PlanRollout(View(workloads), options);
  EXPECT_THAT(Names(rollout), ElementsAre("c"));
  EXPECT_EQ(rollout.done, 1);
}

TEST(RolloutTest, OneThatDoesNotBecomeAvailableHoldsUpOthersForATimeOnly) {
  RolloutOptions options;
  options.most = 1;
  std::vector<Json> workloads = {Deployment("a"), Deployment("b")};
  workloads[0] = UnderWay(PlanRollout(View(workloads), options).updates[0]);
  RolloutView view = View(workloads);
  view.now = kNow + absl::Minutes(9);
  EXPECT_THAT(PlanRollout(view, options).updates, IsEmpty());
  view.now = kNow + absl::Minutes(10);
  const Rollout rollout = PlanRollout(view, options);
  EXPECT_THAT(Names(rollout), ElementsAre("b"));
  EXPECT_EQ(rollout.done, 0);
  EXPECT_THAT(rollout.skipped,
              ElementsAre("Deployment shop/a is not available 10m after its restart"));
}

TEST(RolloutTest, SomeAreNeverRestarted) {
  Json paused = Deployment("paused");
  paused["spec"]["paused"] = true;
  Json on_delete = Deployment("set");
  on_delete["kind"] = "StatefulSet";
  on_delete["spec"]["updateStrategy"] = {{"type", "OnDelete"}};
  Json going = Deployment("going");
  going["metadata"]["deletionTimestamp"] = "2025-01-01T00:00:00Z";
  const Rollout rollout = PlanRollout(View({paused, on_delete, going}), {});
  EXPECT_THAT(rollout.updates, IsEmpty());
  EXPECT_THAT(rollout.skipped,
              ElementsAre("Deployment shop/paused is paused",
                          "StatefulSet shop/set has the update strategy OnDelete"));
  EXPECT_TRUE(rollout.finished());
}

TEST(RolloutTest, AvailabilityByKind) {
  Json set = PlanRollout(View({Deployment("web")}), {}).updates[0];
  set["kind"] = "StatefulSet";
  EXPECT_FALSE(PlanRollout(View({set}), {}).finished());
  set["status"]["readyReplicas"] = 2;
  EXPECT_TRUE(PlanRollout(View({set}), {}).finished());
  Json daemons = set;
  daemons["kind"] = "DaemonSet";
  daemons["status"] = {{"observedGeneration", 1},
                       {"desiredNumberScheduled", 3},
                       {"updatedNumberScheduled", 3},
                       {"numberAvailable", 2}};
  EXPECT_FALSE(PlanRollout(View({daemons}), {}).finished());
  daemons["status"]["numberAvailable"] = 3;
  EXPECT_TRUE(PlanRollout(View({daemons}), {}).finished());
}

TEST(RolloutTest, ReleasePutsBackWhatWasThere) {
  Json before = Deployment("web");
  before["spec"]["template"]["metadata"]["annotations"] = {
      {"container.apparmor.security.beta.kubernetes.io/c", "runtime/default"}, {"other", "x"}};
  const Json during = PlanRollout(View({before}), {}).updates[0];
  RolloutView view = View({during});
  view.release = true;
  const Rollout rollout = PlanRollout(view, {});
  ASSERT_EQ(rollout.updates.size(), 1u);
  Json after = rollout.updates[0];
  after["spec"]["template"]["metadata"]["annotations"].erase(kRestartedAnnotation);
  EXPECT_EQ(after, before);
  // Others have nothing to be taken out.
  view.workloads = {before};
  EXPECT_TRUE(PlanRollout(view, {}).finished());
}

}  // namespace
}  // namespace varmor
