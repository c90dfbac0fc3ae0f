// With cgroups of this machine.
#include "lib/enforcers/bpf/cgroups.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

class CgroupsTest : public testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<std::string> mount = FindCgroupMount();
    if (!mount.ok()) GTEST_SKIP() << "NOT TESTED WITH CGROUPS: " << mount.status();
    mount_ = *mount;
    path_ = absl::StrCat(mount_, "/varmor-cgroups-test-", getpid());
    const absl::Status made = MakeCgroup(path_);
    if (!made.ok()) GTEST_SKIP() << "NOT TESTED WITH CGROUPS: " << made;
  }

  void TearDown() override {
    if (!IsSkipped()) rmdir(path_.c_str());
  }

  std::string mount_;
  std::string path_;
};

TEST_F(CgroupsTest, ANumberLeadsToThePathUntilTheCgroupIsGone) {
  const std::string below = absl::StrCat(path_, "/below");
  ASSERT_TRUE(MakeCgroup(below).ok());
  const absl::StatusOr<uint64_t> id = CgroupIdOfPath(below);
  ASSERT_TRUE(id.ok()) << id.status();
  const absl::StatusOr<std::string> path = CgroupPathOfId(*id, mount_);
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(*path, below);

  ASSERT_TRUE(RemoveCgroup(below).ok());
  const absl::StatusOr<std::string> gone = CgroupPathOfId(*id, mount_);
  EXPECT_EQ(gone.status(), absl::NotFoundError(absl::StrCat("cgroup ", *id, " is gone")));
}

TEST_F(CgroupsTest, WhatCannotBeAskedIsNotTakenForGone) {
  EXPECT_EQ(CgroupPathOfId(1, "/proc").status(),
            absl::InvalidArgumentError("\"/proc\" is no cgroup v2 mount"));
}

}  // namespace
}  // namespace varmor
