// With cgroups of this machine.
#include "lib/enforcers/bpf/cgroups.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/enforcers/testing/temporary_directory.h"

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

// What `lines` of mountinfo lead to: a directory, or what is said.
std::string Found(const std::string& lines) {
  const TemporaryDirectory directory;
  PutFile(directory / "mountinfo", lines);
  const absl::StatusOr<std::string> mount = FindCgroupMount(directory / "mountinfo");
  return mount.ok() ? *mount : std::string(mount.status().message());
}

TEST(FindCgroupMountTest, WithoutVersion2ItSaysWhatHelps) {
  constexpr char kProc[] = "22 28 0:21 / /proc rw shared:14 - proc proc rw\n";
  constexpr char kVersion1[] =
      "33 32 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs ro,mode=755\n"
      "35 33 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
      "39 33 0:34 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
  constexpr char kVersion2[] = "40 33 0:35 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
  EXPECT_EQ(Found(kProc),
            "cgroup v2 is not mounted; mount it: mount -t cgroup2 none /sys/fs/cgroup");
  EXPECT_EQ(Found(absl::StrCat(kProc, kVersion1)),
            "this machine has cgroups of version 1 alone; boot with "
            "systemd.unified_cgroup_hierarchy=1 on the kernel's command line");
  EXPECT_EQ(Found(absl::StrCat(kVersion1, kVersion2)), "/sys/fs/cgroup/unified");
  // A part of it that is bound somewhere does not count.
  EXPECT_EQ(Found("40 33 0:35 /a /mnt rw - cgroup2 cgroup2 rw\n"),
            "cgroup v2 is not mounted; mount it: mount -t cgroup2 none /sys/fs/cgroup");
}

}  // namespace
}  // namespace varmor
