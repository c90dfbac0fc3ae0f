// The canary on a machine where nothing denies it anything.
#include "lib/enforcers/bpf/canary/canary_child.h"

#include <signal.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/enforcers/bpf/canary/canary.h"
#include "lib/enforcers/bpf/cgroups.h"

namespace varmor {
namespace {

class CanaryChildTest : public testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<std::string> mount = FindCgroupMount();
    if (!mount.ok()) GTEST_SKIP() << "NOT TESTED WITH A CANARY: " << mount.status();
    cgroup_ = absl::StrCat(*mount, "/varmor-canary-test-", getpid());
    const absl::Status made = MakeCgroup(cgroup_);
    if (!made.ok()) GTEST_SKIP() << "NOT TESTED WITH A CANARY: " << made;
  }

  void TearDown() override {
    signal(SIGCHLD, SIG_DFL);
    if (IsSkipped()) return;
    EXPECT_EQ(RemoveCgroup(cgroup_), absl::OkStatus());
  }

  std::string cgroup_;
};

TEST_F(CanaryChildTest, TellsWhatIsNotDenied) {
  const absl::StatusOr<int> wrong = RunCanary(cgroup_);
  ASSERT_TRUE(wrong.ok()) << wrong.status();
  EXPECT_EQ(*wrong, CANARY_OPEN | CANARY_EXEC | CANARY_CONNECT | CANARY_CAPABILITY);
}

TEST_F(CanaryChildTest, ACallerThatIgnoresItsChildrenIsToldAsWell) {
  signal(SIGCHLD, SIG_IGN);
  const absl::StatusOr<int> wrong = RunCanary(cgroup_, 5000);
  ASSERT_TRUE(wrong.ok()) << wrong.status();
  EXPECT_EQ(*wrong, CANARY_OPEN | CANARY_EXEC | CANARY_CONNECT | CANARY_CAPABILITY);
}

TEST_F(CanaryChildTest, WhatCannotBeSetUpIsSaid) {
  EXPECT_EQ(RunCanary("/no/such/cgroup").status(),
            absl::FailedPreconditionError(
                "the canary process cannot enter its cgroup: No such file or directory"));
}

}  // namespace
}  // namespace varmor
