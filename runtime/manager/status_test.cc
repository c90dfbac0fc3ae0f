#include "runtime/manager/status.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const absl::Time kThen = absl::FromUnixSeconds(1735689600);  // 2025-01-01T00:00:00Z
const absl::Time kNow = kThen + absl::Hours(1);

AgentNodes Agents(int desired, std::set<std::string> running) {
  return {desired, std::move(running)};
}

TEST(StatusTest, CountsReportsOfTheRevisionFromNodesWithAgents) {
  const ProfileReports reports = {
      {"n1", {"new", ProfileState::kSucceeded, "Ready"}},
      {"n2", {"old", ProfileState::kSucceeded, "Ready"}},
      {"n3", {"", ProfileState::kSucceeded, "Ready"}},
      {"n4", {"new", ProfileState::kFailed, "unsupported: BPF LSM is not enabled"}},
      {"n5", {"new", ProfileState::kFailed, "no"}},
      {"n6", {"new", ProfileState::kRetired, ""}},
      {"gone", {"new", ProfileState::kFailed, "no"}},
  };
  const NodeCounts counts =
      CountNodes(reports, "new", Agents(7, {"n1", "n2", "n3", "n4", "n5", "n6", "n7"}));
  EXPECT_EQ(counts.desired, 7);
  EXPECT_EQ(counts.loaded, 2);
  EXPECT_EQ(counts.retired, 1);
  EXPECT_EQ(counts.failed(), 2);
  EXPECT_EQ(counts.unsupported, 1);
  EXPECT_EQ(counts.pending, 2);
  EXPECT_EQ(counts.failures[0].node, "n4");
  EXPECT_EQ(counts.failures[1].message, "no");
  EXPECT_FALSE(counts.all_loaded());
}

struct PhaseCase {
  const char* name;
  ProfileReports reports;
  AgentNodes agents;
  const char* phase;
  const char* status;
  const char* reason;
  const char* message;
};

TEST(StatusTest, PhaseAndReadyFollowTheCounts) {
  const NodeProfile good = {"r", ProfileState::kSucceeded, "Ready"};
  const NodeProfile bad = {"r", ProfileState::kFailed, "no"};
  const NodeProfile unable = {"r", ProfileState::kFailed, "unsupported: no BPF"};
  const PhaseCase cases[] = {
      {"All",
       {{"a", good}, {"b", good}},
       Agents(2, {"a", "b"}),
       "Protecting",
       "True",
       "AllAgentsReady",
       ""},
      {"OneMissing",
       {{"a", good}},
       Agents(2, {"a", "b"}),
       "Pending",
       "False",
       "Processing",
       "waiting for 1 of 2 nodes"},
      {"AgentNotThereYet",
       {{"a", good}},
       Agents(2, {"a"}),
       "Pending",
       "False",
       "Processing",
       "waiting for 1 of 2 nodes"},
      {"OneFailed",
       {{"a", good}, {"b", bad}},
       Agents(2, {"a", "b"}),
       "Error",
       "False",
       "Error",
       "1 of 2 nodes failed; see ArmorProfile shop/p"},
      {"OneUnable",
       {{"a", good}, {"b", unable}},
       Agents(2, {"a", "b"}),
       "Error",
       "False",
       "Error",
       "1 of 2 nodes failed, 1 of them for want of an enforcer; see ArmorProfile shop/p"},
      {"FailedNodeLeft",
       {{"a", good}, {"b", bad}},
       Agents(1, {"a"}),
       "Protecting",
       "True",
       "AllAgentsReady",
       ""},
      {"NoNodes", {}, Agents(0, {}), "Pending", "False", "Processing", "no node runs an agent"},
      {"MoreAgentsThanDesired",
       {{"a", good}, {"b", good}},
       Agents(1, {"a", "b"}),
       "Protecting",
       "True",
       "AllAgentsReady",
       ""},
  };
  for (const PhaseCase& c : cases) {
    SCOPED_TRACE(c.name);
    const NodeCounts counts = CountNodes(c.reports, "r", c.agents);
    EXPECT_EQ(PhaseOf(counts), c.phase);
    const Condition ready = ReadyCondition(counts, "shop/p", "");
    EXPECT_EQ(ready.status, c.status);
    EXPECT_EQ(ready.reason, c.reason);
    EXPECT_EQ(ready.message, c.message);
  }
  const NodeCounts counts = CountNodes({{"a", good}}, "r", Agents(1, {"a"}));
  EXPECT_EQ(ReadyCondition(counts, "shop/p", "G18: x").message, "G18: x");
}

TEST(StatusTest, ConditionsKeepTheirTimeWhileTheirStatusStays) {
  Json list =
      MergeConditions(nullptr, {{"Created", "True", "", ""}, {"Ready", "False", "a", "b"}}, kThen);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0]["lastTransitionTime"], "2025-01-01T00:00:00Z");
  list = MergeConditions(list, {{"Ready", "False", "c", "d"}}, kNow);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0]["type"], "Created");
  EXPECT_EQ(list[1]["reason"], "c");
  EXPECT_EQ(list[1]["lastTransitionTime"], "2025-01-01T00:00:00Z");
  list = MergeConditions(list, {{"Ready", "True", "c", "d"}}, kNow);
  EXPECT_EQ(list[1]["lastTransitionTime"], "2025-01-01T01:00:00Z");
}

TEST(StatusTest, OneConditionOfEachType) {
  const Json old = Json::parse(R"([{"type": "Ready", "status": "True"}, 7, {"type": "Other",
      "status": "True"}, {"type": "Ready", "status": "False"}, {"type": "Other"}])");
  const Json list = MergeConditions(old, {{"Ready", "True", "", ""}}, kNow);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0]["type"], "Ready");
  EXPECT_EQ(list[1], old[2]);
}

TEST(StatusTest, LongMessagesAreCutBetweenCharacters) {
  std::string text(8191, 'a');
  text += "\xc3\xa9 and more";  // its first byte is the 8,192nd
  const Json list = MergeConditions(nullptr, {{"Ready", "False", "", text}}, kNow);
  EXPECT_EQ(list[0]["message"], std::string(8191, 'a') + " ... (11 more bytes)");
}

TEST(StatusTest, ArmorProfileListsFailedNodes) {
  NodeCounts counts;
  counts.desired = 3;
  counts.loaded = 1;
  counts.failures = {{"a", "x"}, {"b", "y"}};
  const Json first = ArmorProfileStatusJson(counts, nullptr, kThen);
  EXPECT_EQ(first["desiredNumberLoaded"], 3);
  EXPECT_EQ(first["currentNumberLoaded"], 1);
  ASSERT_EQ(first["conditions"].size(), 2u);
  EXPECT_EQ(first["conditions"][0]["nodeName"], "a");
  EXPECT_EQ(first["conditions"][1]["message"], "y");
  // Nothing changed: the same bytes, later too.
  EXPECT_EQ(ArmorProfileStatusJson(counts, first, kNow), first);
  counts.failures = {{"b", "z"}};
  const Json second = ArmorProfileStatusJson(counts, first, kNow);
  ASSERT_EQ(second["conditions"].size(), 1u);
  EXPECT_EQ(second["conditions"][0]["message"], "z");
  EXPECT_EQ(second["conditions"][0]["lastTransitionTime"], "2025-01-01T00:00:00Z");
  counts.failures.clear();
  EXPECT_FALSE(ArmorProfileStatusJson(counts, second, kNow).contains("conditions"));
}

TEST(StatusTest, RulesThatNodesDoNotEnforceAreToldAndChangeNothingElse) {
  const ProfileReports reports = {
      {"a", {"r", ProfileState::kSucceeded, "Ready", {"x", "y"}}},
      {"b", {"r", ProfileState::kSucceeded, "Ready"}},
      {"c", {"r", ProfileState::kRetired, "Ready", {"x"}}},
      {"d", {"old", ProfileState::kSucceeded, "Ready", {"x"}}},
      {"gone", {"r", ProfileState::kSucceeded, "Ready", {"x"}}},
  };
  NodeCounts counts = CountNodes(reports, "r", Agents(2, {"a", "b", "c", "d"}));
  ASSERT_EQ(counts.limits.size(), 1u);
  EXPECT_EQ(counts.limits[0].node, "a");
  counts = CountNodes(reports, "r", Agents(2, {"a", "b"}));
  EXPECT_EQ(PhaseOf(counts), "Protecting");
  const Condition ready = ReadyCondition(counts, "shop/p", "G18: z");
  EXPECT_EQ(ready.status, "True");
  EXPECT_EQ(ready.message,
            "1 of 2 nodes do not enforce every rule; see ArmorProfile shop/p\nG18: z");
  const Json status = ArmorProfileStatusJson(counts, nullptr, kThen);
  EXPECT_EQ(status["conditions"], Json::parse(R"([{"type": "FullyEnforced", "status": "False",
      "nodeName": "a", "reason": "KernelLimits", "message": "this kernel does not enforce x; y",
      "lastTransitionTime": "2025-01-01T00:00:00Z"}])"));
  EXPECT_EQ(ArmorProfileStatusJson(counts, status, kNow), status);
}

TEST(StatusTest, ArmorProfileOfThousandsOfNodesStaysSmall) {
  NodeCounts counts;
  for (int i = 0; i < 5000; ++i) {
    counts.failures.push_back({std::to_string(i), std::string(9000, 'm')});
  }
  const Json status = ArmorProfileStatusJson(counts, nullptr, kNow);
  ASSERT_EQ(status["conditions"].size(), 101u);
  EXPECT_EQ(status["conditions"][100]["nodeName"], "");
  EXPECT_EQ(status["conditions"][100]["message"], "and 4900 more nodes");
  EXPECT_LT(JsonText(status).size(), 150000u);
  // Failures go first.
  counts.failures.resize(98);
  for (int i = 0; i < 5000; ++i) {
    counts.limits.push_back({std::to_string(i), {std::string(9000, 'm')}});
  }
  const Json both = ArmorProfileStatusJson(counts, nullptr, kNow);
  ASSERT_EQ(both["conditions"].size(), 101u);
  EXPECT_EQ(both["conditions"][97]["type"], "Ready");
  EXPECT_EQ(both["conditions"][98]["type"], "FullyEnforced");
  EXPECT_EQ(both["conditions"][100]["message"], "and 4998 more nodes");
  EXPECT_LT(JsonText(both).size(), 150000u);
}

}  // namespace
}  // namespace varmor
