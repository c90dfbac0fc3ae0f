#include "runtime/manager/agent_fleet.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Json Pod(const std::string& name, const std::string& node, const std::string& phase = "Running") {
  return {{"metadata", {{"name", name}}},
          {"spec", {{"nodeName", node}}},
          {"status", {{"phase", phase}}}};
}

// As the DaemonSet's controller makes it, before the scheduler has bound it.
Json UnboundPod(const std::string& name, const std::string& node) {
  Json pod = {{"metadata", {{"name", name}}}, {"status", {{"phase", "Pending"}}}};
  Json& terms = pod["spec"]["affinity"]["nodeAffinity"]
                   ["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
  terms = {{{"matchFields", {{{"key", "metadata.name"}, {"operator", "In"}, {"values", {node}}}}}}};
  return pod;
}

Json Node(const std::string& name) { return {{"metadata", {{"name", name}}}}; }

Json DaemonSet(int desired, int current, int misscheduled = 0) {
  return {{"status",
           {{"desiredNumberScheduled", desired},
            {"currentNumberScheduled", current},
            {"numberMisscheduled", misscheduled}}}};
}

// Nodes a and b, with an agent each.
class AgentFleetTest : public testing::Test {
 protected:
  AgentFleetTest() {
    for (const char* node : {"a", "b"}) {
      fleet_.NodeChanged(Node(node));
      fleet_.PodChanged(Pod(absl::StrCat("agent-", node), node));
    }
    fleet_.DaemonSetChanged(DaemonSet(2, 2));
  }

  AgentFleet fleet_;
};

TEST_F(AgentFleetTest, CountsNodesWithRunningAgents) {
  EXPECT_EQ(fleet_.Nodes()->desired, 2);
  EXPECT_THAT(fleet_.Nodes()->running, ElementsAre("a", "b"));
  EXPECT_TRUE(fleet_.PodChanged(Pod("agent-b", "b", "Pending")));
  EXPECT_THAT(fleet_.Nodes()->running, ElementsAre("a"));
  Json going = Pod("agent-a", "a");
  going["metadata"]["deletionTimestamp"] = "2025-01-01T00:00:00Z";
  EXPECT_TRUE(fleet_.PodChanged(going));
  EXPECT_THAT(fleet_.Nodes()->running, IsEmpty());
  EXPECT_EQ(fleet_.Nodes()->desired, 2);
  EXPECT_TRUE(fleet_.DaemonSetChanged(nullptr));
  EXPECT_EQ(fleet_.Nodes()->desired, 0);
}

TEST_F(AgentFleetTest, TellsOnlyNews) {
  EXPECT_FALSE(fleet_.PodChanged(Pod("agent-a", "a")));
  EXPECT_FALSE(fleet_.NodeChanged(Node("a")));
  EXPECT_FALSE(fleet_.NodeGone(Node("c")));
  EXPECT_FALSE(fleet_.DaemonSetChanged(DaemonSet(2, 2)));
  std::string left;
  EXPECT_FALSE(fleet_.PodGone(Pod("agent-c", "c"), left));
}

TEST_F(AgentFleetTest, NodeThatIsGoneIsNotWaitedForThoughItsPodIsThere) {
  EXPECT_TRUE(fleet_.NodeGone(Node("b")));
  EXPECT_EQ(fleet_.Nodes()->desired, 1);
  EXPECT_THAT(fleet_.Nodes()->running, ElementsAre("a"));
  // The controller looks before the pod is collected: it is not taken off twice.
  fleet_.DaemonSetChanged(DaemonSet(1, 1));
  EXPECT_EQ(fleet_.Nodes()->desired, 1);
  std::string left;
  fleet_.PodGone(Pod("agent-b", "b"), left);
  EXPECT_EQ(left, "b");
  EXPECT_EQ(fleet_.Nodes()->desired, 1);
}

TEST_F(AgentFleetTest, NodeThatWasNeverReadyIsNotWaitedForEither) {
  fleet_.NodeChanged(Node("c"));
  fleet_.DaemonSetChanged(DaemonSet(3, 2));
  fleet_.PodChanged(UnboundPod("agent-c", "c"));
  fleet_.DaemonSetChanged(DaemonSet(3, 3));
  EXPECT_EQ(fleet_.Nodes()->desired, 3);
  EXPECT_THAT(fleet_.Nodes()->running, ElementsAre("a", "b"));
  EXPECT_EQ(fleet_.NodeOfPod("agent-c"), "");
  fleet_.NodeGone(Node("c"));
  EXPECT_EQ(fleet_.Nodes()->desired, 2);
  // It comes back under its name.
  fleet_.NodeChanged(Node("c"));
  EXPECT_EQ(fleet_.Nodes()->desired, 3);
}

TEST_F(AgentFleetTest, NewNodeIsWaitedForBeforeItHasAPod) {
  fleet_.NodeChanged(Node("c"));
  fleet_.DaemonSetChanged(DaemonSet(3, 2));
  EXPECT_EQ(fleet_.Nodes()->desired, 3);
  // Also while another is gone.
  fleet_.NodeGone(Node("b"));
  EXPECT_EQ(fleet_.Nodes()->desired, 2);
}

TEST_F(AgentFleetTest, PodsWhereNoneShouldBeHideNoNodeThatIsGone) {
  fleet_.NodeChanged(Node("c"));
  fleet_.PodChanged(Pod("agent-c", "c"));
  fleet_.DaemonSetChanged(DaemonSet(2, 2, 1));
  fleet_.NodeGone(Node("b"));
  EXPECT_EQ(fleet_.Nodes()->desired, 1);
}

TEST_F(AgentFleetTest, NodeIsLeftWhenItsLastPodGoes) {
  fleet_.PodChanged(Pod("agent-b-2", "b"));
  std::string left;
  EXPECT_TRUE(fleet_.PodGone(Pod("agent-b", "b"), left));
  EXPECT_EQ(left, "");
  EXPECT_EQ(fleet_.NodeOfPod("agent-b-2"), "b");
  EXPECT_TRUE(fleet_.PodGone(Pod("agent-b-2", "b"), left));
  EXPECT_EQ(left, "b");
  EXPECT_EQ(fleet_.NodeOfPod("agent-b-2"), "");
}

}  // namespace
}  // namespace varmor
