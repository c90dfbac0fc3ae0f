#include "runtime/protocol/node_report.h"

#include "gtest/gtest.h"

namespace varmor {
namespace {

TEST(NodeReportTest, WritesTheStatusOfAProfileAsAgentsSendIt) {
  ProfileStatus status;
  status.name_space = "shop";
  status.armor_profile = "varmor-shop-db";
  status.node_name = "node-7";
  status.state = ProfileState::kSucceeded;
  status.message = "Ready";
  EXPECT_EQ(JsonText(ProfileStatusJson(status)),
            R"({"armorProfile":"varmor-shop-db","message":"Ready","namespace":"shop",)"
            R"("nodeName":"node-7","status":"succeeded"})");
  status.revision = "9f2c";
  status.enforcers = {{"BPF", "ok"}, {"AppArmor", "unsupported"}};
  status.unenforced = {"BPF: x (too old)"};
  const Json json = ProfileStatusJson(status);
  EXPECT_EQ(json["revision"], "9f2c");
  EXPECT_EQ(json["unenforced"], Json::array({"BPF: x (too old)"}));
  EXPECT_EQ(json["enforcers"], Json({{"BPF", "ok"}, {"AppArmor", "unsupported"}}));
  const absl::StatusOr<ProfileStatus> back = ParseProfileStatus(JsonText(json));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(ProfileStatusJson(*back), json);
}

TEST(NodeReportTest, ReadsEveryState) {
  for (const ProfileState state :
       {ProfileState::kSucceeded, ProfileState::kFailed, ProfileState::kRetired}) {
    ProfileStatus status;
    status.name_space = status.armor_profile = status.node_name = "x";
    status.state = state;
    const auto back = ParseProfileStatus(JsonText(ProfileStatusJson(status)));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->state, state);
  }
}

TEST(NodeReportTest, NamesAllProblemsOfAStatus) {
  EXPECT_EQ(ParseProfileStatus(R"({"namespace": "", "nodeName": 7, "status": "done"})").status(),
            absl::InvalidArgumentError(
                "profile status: namespace: is empty; armorProfile: is missing; nodeName: is "
                "number, not string; status: is \"done\", not succeeded, failed or retired"));
  EXPECT_EQ(ParseProfileStatus(R"({"namespace": "a", "armorProfile": "b", "nodeName": "c",
                                   "status": "failed", "unenforced": ["x", 7]})")
                .status(),
            absl::InvalidArgumentError("profile status: unenforced: holds a number, not string"));
  EXPECT_EQ(ParseProfileStatus("{").status(),
            absl::InvalidArgumentError("profile status: is not JSON"));
  EXPECT_FALSE(ParseProfileStatus("[]").ok());
  EXPECT_FALSE(ParseProfileStatus("\"\xff\"").ok());
}

TEST(NodeReportTest, GivesBackWhatWentIn) {
  NodeReport report;
  report.node_name = "node-7";
  report.boot_id = "b";
  report.agent_version = "0.1.0";
  report.capabilities.app_armor = true;
  report.capabilities.seccomp = true;
  report.capabilities.kernel = "6.1.0";
  report.capabilities.reasons = {{"BPF", "BPF LSM is not enabled"}};
  report.profiles["shop/varmor-shop-db"] = {"9f2c", ProfileState::kFailed, "no", {"BPF: x"}};
  report.violations["shop/varmor-shop-db"] = {3, 1, "2025-06-27T04:53:20Z"};
  report.violations["shop/varmor-shop-web"] = {0, 0, ""};
  const Json json = NodeReportJson(report);
  EXPECT_EQ(json["profiles"]["shop/varmor-shop-db"]["status"], "failed");
  EXPECT_EQ(json["profiles"]["shop/varmor-shop-db"]["unenforced"], Json::array({"BPF: x"}));
  EXPECT_FALSE(json["violations"]["shop/varmor-shop-web"].contains("last"));
  const absl::StatusOr<NodeReport> back = ParseNodeReport(JsonText(json));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(NodeReportJson(*back), json);
}

TEST(NodeReportTest, NamesAllProblemsOfAReport) {
  EXPECT_EQ(ParseNodeReport(R"({"profiles": {"a/b": {"status": "x"}, "c/d": 1},
                                "violations": {"a/b": {"denied": -1}}})")
                .status(),
            absl::InvalidArgumentError(
                "node report: nodeName: is missing; profiles.a/b.status: is \"x\", not succeeded, "
                "failed or retired; profiles.c/d: is number, not object; profiles.c/d.status: is "
                "missing; violations.a/b.denied: is -1, not from 0 to 9223372036854775807"));
}

TEST(NodeReportTest, AnswerListsProfiles) {
  const Json json = NodeReportAnswerJson({"a/b", "c/d"});
  EXPECT_EQ(JsonText(json), R"({"resync":["a/b","c/d"]})");
  EXPECT_EQ(*ParseNodeReportAnswer(JsonText(json)), (std::vector<std::string>{"a/b", "c/d"}));
  EXPECT_TRUE(ParseNodeReportAnswer("{}")->empty());
  EXPECT_FALSE(ParseNodeReportAnswer(R"({"resync": [1]})").ok());
}

}  // namespace
}  // namespace varmor
