#include "runtime/manager/report_store.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ReportStoreTest : public testing::Test {
 protected:
  static ProfileStatus Status(const std::string& node, const std::string& revision,
                              ProfileState state = ProfileState::kSucceeded) {
    ProfileStatus status;
    status.name_space = "shop";
    status.armor_profile = "p";
    status.node_name = node;
    status.revision = revision;
    status.state = state;
    return status;
  }
  std::vector<std::string> Changed() { return std::move(changed_); }

  std::vector<std::string> changed_;
  ReportStore store_{
      [this](const std::string& key, const ReportTotals& before, const ReportTotals& after) {
        changed_.push_back(key);
        before_ = before;
        after_ = after;
      }};
  ReportTotals before_, after_;
};

TEST_F(ReportStoreTest, NodeThatFallsSilentIsForgotten) {
  absl::Time now = absl::FromUnixSeconds(1000);
  ReportStore store([](const std::string&, const ReportTotals&, const ReportTotals&) {},
                    [&] { return now; });
  store.SetProfile("shop/p", "r", "u");
  NodeReport report;
  report.profiles["shop/p"] = {"r", ProfileState::kSucceeded, ""};
  report.node_name = "silent";
  store.Add(report);
  store.Add(Status("foreign", "r"));
  now += absl::Minutes(3);
  report.node_name = "alive";
  store.Add(report);
  store.Expire(now - absl::Minutes(3));
  EXPECT_EQ(store.Get("shop/p").size(), 3u);
  store.Expire(now - absl::Minutes(2));
  EXPECT_EQ(store.Get("shop/p").count("silent"), 0u);
  EXPECT_EQ(store.Get("shop/p").size(), 2u);
}

// The agent of a node that was booted again says what it has now.
TEST_F(ReportStoreTest, ReportOfANewBootReplacesTheOld) {
  store_.SetProfile("shop/p", "r", "u");
  NodeReport report;
  report.node_name = "a";
  report.boot_id = "1";
  report.profiles["shop/p"] = {"r", ProfileState::kSucceeded, ""};
  store_.Add(report);
  report.boot_id = "2";
  report.profiles = {{"shop/q", {"r", ProfileState::kSucceeded, ""}}};
  EXPECT_THAT(store_.Add(report), ElementsAre("shop/p"));
  EXPECT_THAT(store_.Get("shop/p"), IsEmpty());
}

// An agent that was just started, or is too busy to say what it has.
TEST_F(ReportStoreTest, ReportThatSaysNothingChangesNothing) {
  absl::Time now = absl::FromUnixSeconds(1000);
  ReportStore store([](const std::string&, const ReportTotals&, const ReportTotals&) {},
                    [&] { return now; });
  store.SetProfile("shop/p", "r", "u");
  NodeReport report;
  report.node_name = "a";
  report.profiles["shop/p"] = {"r", ProfileState::kSucceeded, ""};
  report.violations["shop/p"] = {2, 1, "2025-01-01T00:00:00Z"};
  store.Add(report);
  now += absl::Minutes(3);
  NodeReport nothing;
  nothing.node_name = "a";
  EXPECT_THAT(store.Add(nothing), ElementsAre("shop/p"));
  EXPECT_EQ(store.Get("shop/p").size(), 1u);
  EXPECT_EQ(store.Violations("shop/p").denied, 2);
  // It keeps no agent's word alive that gets no further.
  store.Expire(now - absl::Minutes(2));
  EXPECT_THAT(store.Get("shop/p"), IsEmpty());
}

TEST_F(ReportStoreTest, TellsOnlyNews) {
  store_.SetProfile("shop/p", "r1", "u");
  store_.Add(Status("a", "r1"));
  EXPECT_THAT(Changed(), ElementsAre("shop/p"));
  store_.Add(Status("a", "r1"));
  EXPECT_THAT(Changed(), IsEmpty());
  store_.Add(Status("a", "r1", ProfileState::kFailed));
  EXPECT_THAT(Changed(), ElementsAre("shop/p"));
  EXPECT_EQ(store_.Get("shop/p").at("a").state, ProfileState::kFailed);
  ProfileStatus status = Status("a", "r1", ProfileState::kFailed);
  status.unenforced = {"BPF: x (too old)"};
  store_.Add(status);
  EXPECT_THAT(Changed(), ElementsAre("shop/p"));
  EXPECT_EQ(store_.Get("shop/p").at("a").unenforced, status.unenforced);
}

// Of objects of one name, one after the other.
TEST_F(ReportStoreTest, ReportsAreOfOneObject) {
  store_.SetProfile("shop/p", "r", "first");
  store_.Add(Status("a", "r"));
  store_.SetProfile("shop/p", "r", "");  // the second is being created
  EXPECT_THAT(store_.Get("shop/p"), IsEmpty());
  store_.Add(Status("a", "r"));
  store_.RemoveProfile("shop/p", "first");
  store_.SetProfile("shop/p", "r", "second");
  EXPECT_EQ(store_.Get("shop/p").size(), 1u);
  store_.RemoveProfile("shop/p", "first");
  EXPECT_EQ(store_.Get("shop/p").size(), 1u);
  store_.RemoveProfile("shop/p", "second");
  EXPECT_THAT(store_.Get("shop/p"), IsEmpty());
}

TEST_F(ReportStoreTest, TotalsFollowReportsOfTheRevision) {
  store_.SetProfile("shop/p", "r1", "u");
  store_.Add(Status("a", "r1"));
  EXPECT_EQ(before_.loaded, 0);
  EXPECT_EQ(after_.loaded, 1);
  store_.Add(Status("b", "r1", ProfileState::kFailed));
  EXPECT_EQ(after_.failed, 1);
  store_.Add(Status("b", "r2"));
  EXPECT_EQ(after_.loaded, 1);
  EXPECT_EQ(after_.failed, 0);
  store_.SetProfile("shop/p", "r2", "u");
  store_.Add(Status("a", "r2"));
  EXPECT_EQ(before_.loaded, 1);
  EXPECT_EQ(after_.loaded, 2);
  store_.RemoveNode("a");
  EXPECT_EQ(after_.loaded, 1);
}

TEST_F(ReportStoreTest, DropsReportsAboutWhatDoesNotExist) {
  store_.Add(Status("a", "r1"));
  EXPECT_THAT(Changed(), IsEmpty());
  EXPECT_THAT(store_.Get("shop/p"), IsEmpty());
}

TEST_F(ReportStoreTest, ReportsWithoutARevisionGoWithTheirs) {
  store_.SetProfile("shop/p", "r1", "u");
  store_.Add(Status("a", ""));
  store_.Add(Status("b", "r1"));
  store_.SetProfile("shop/p", "r1", "u");
  EXPECT_EQ(store_.Get("shop/p").size(), 2u);
  store_.SetProfile("shop/p", "r2", "u");
  EXPECT_EQ(store_.Get("shop/p").count("a"), 0u);
  EXPECT_EQ(store_.Get("shop/p").count("b"), 1u);
}

TEST_F(ReportStoreTest, NodeReportIsTheWholeTruth) {
  store_.SetProfile("shop/current", "r", "u");
  store_.SetProfile("shop/old", "r", "u");
  store_.SetProfile("shop/p", "r", "u");
  store_.Add(Status("a", "r"));
  Changed();
  NodeReport report;
  report.node_name = "a";
  report.profiles["shop/current"] = {"r", ProfileState::kSucceeded, ""};
  report.profiles["shop/old"] = {"q", ProfileState::kSucceeded, ""};
  report.profiles["shop/unknown"] = {"q", ProfileState::kSucceeded, ""};
  report.violations["shop/old"] = {2, 1, "2025-01-01T00:00:00Z"};
  EXPECT_THAT(store_.Add(report), ElementsAre("shop/old", "shop/p"));
  EXPECT_THAT(Changed(), ElementsAre("shop/current", "shop/old", "shop/p"));
  EXPECT_THAT(store_.Get("shop/p"), IsEmpty());
  EXPECT_THAT(store_.Add(report), ElementsAre("shop/old", "shop/p"));
  EXPECT_THAT(Changed(), IsEmpty());
  report.violations["shop/old"].denied = 3;
  store_.Add(report);
  EXPECT_THAT(Changed(), ElementsAre("shop/old"));
  report.violations["shop/old"].denied = 2;
  store_.Add(report);
  report.node_name = "b";
  report.violations["shop/old"] = {5, 0, "2025-01-02T00:00:00Z"};
  store_.Add(report);
  EXPECT_EQ(store_.Violations("shop/old").denied, 7);
  EXPECT_EQ(store_.Violations("shop/old").allowed, 1);
  EXPECT_EQ(store_.Violations("shop/old").last, "2025-01-02T00:00:00Z");
}

TEST_F(ReportStoreTest, NodeThatLeftIsForgotten) {
  store_.SetProfile("shop/p", "r", "u");
  store_.Add(Status("a", "r"));
  Changed();
  store_.RemoveNode("b");
  EXPECT_THAT(Changed(), IsEmpty());
  store_.RemoveNode("a");
  EXPECT_THAT(Changed(), ElementsAre("shop/p"));
  EXPECT_THAT(store_.Get("shop/p"), IsEmpty());
}

}  // namespace
}  // namespace varmor
