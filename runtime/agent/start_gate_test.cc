#include "runtime/agent/start_gate.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class StartGateTest : public ::testing::Test {
 protected:
  // What Hold answers when Enroll answers these, the last of them for ever.
  absl::Status Hold(bool closed, std::vector<absl::Status> answers,
                    absl::Duration limit = absl::Seconds(10)) {
    size_t next = 0;
    StartGate gate(
        closed,
        [&](const ContainerId& id, pid_t pid, absl::Duration left) {
          EXPECT_EQ(id, (ContainerId{"k8s.io", "c1"}));
          EXPECT_EQ(pid, 7);
          EXPECT_GT(left, absl::ZeroDuration());
          EXPECT_LE(left, limit);
          ++asked_;
          return answers[std::min(next++, answers.size() - 1)];
        },
        log_);
    NriStart start;
    start.id = {"k8s.io", "c1"};
    start.name = "shop/web/c";
    start.pid = 7;
    start.limit = limit;
    absl::Status held = gate.Hold(start);
    counts_ = gate.counts();
    return held;
  }
  std::vector<uint64_t> Counts() const {
    return {counts_.ready, counts_.unconfined, counts_.refused};
  }

  int asked_ = 0;
  StartCounts counts_;
  std::vector<std::string> lines_;
  Logger log_{LoggerOptions(), [this](const std::string& line) { lines_.push_back(line); }};
};

TEST_F(StartGateTest, ConfinedAtOnce) {
  EXPECT_EQ(Hold(true, {absl::OkStatus()}), absl::OkStatus());
  EXPECT_EQ(asked_, 1);
  EXPECT_THAT(Counts(), ElementsAre(1, 0, 0));
  EXPECT_THAT(lines_, SizeIs(0));
}

TEST_F(StartGateTest, HeldUntilItsProfileIsThere) {
  EXPECT_EQ(Hold(true, {absl::UnavailableError("policies are not known yet"),
                        absl::UnavailableError("profile is not on this node"), absl::OkStatus()}),
            absl::OkStatus());
  EXPECT_EQ(asked_, 3);
  EXPECT_THAT(Counts(), ElementsAre(1, 0, 0));
}

TEST_F(StartGateTest, HeldNoLongerThanTheRuntimeWaits) {
  const absl::Time begin = absl::Now();
  EXPECT_EQ(Hold(true, {absl::UnavailableError("not yet")}, absl::Milliseconds(120)),
            absl::UnavailableError("varmor-agent --failMode=closed: not yet"));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
  EXPECT_GE(asked_, 2);
}

TEST_F(StartGateTest, ClosedRefusesAtOnceWhatCannotBeConfined) {
  EXPECT_EQ(
      Hold(true, {absl::FailedPreconditionError("BPF: unsupported: switched off")}),
      absl::FailedPreconditionError("varmor-agent --failMode=closed: BPF: unsupported: switched "
                                    "off"));
  EXPECT_EQ(asked_, 1);
  EXPECT_THAT(Counts(), ElementsAre(0, 0, 1));
  ASSERT_THAT(lines_, SizeIs(1));
  EXPECT_THAT(lines_[0], HasSubstr("container k8s.io/c1 (shop/web/c) is not started: BPF:"));
}

TEST_F(StartGateTest, OpenStartsItAndSaysSo) {
  EXPECT_EQ(Hold(false, {absl::NotFoundError("gone")}), absl::OkStatus());
  EXPECT_EQ(asked_, 1);
  EXPECT_THAT(Counts(), ElementsAre(0, 1, 0));
  ASSERT_THAT(lines_, SizeIs(1));
  EXPECT_THAT(lines_[0], HasSubstr("container k8s.io/c1 (shop/web/c) is started UNCONFINED: gone"));
}

}  // namespace
}  // namespace varmor
