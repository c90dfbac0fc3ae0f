#include "lib/enforcers/apparmor/confined_processes.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/enforcers/testing/temporary_directory.h"

namespace varmor {
namespace {

using Names = std::vector<std::string>;

TEST(ProfilesOfLabelTest, TheKernelsForms) {
  EXPECT_EQ(ProfilesOfLabel("unconfined\n"), Names());
  EXPECT_EQ(ProfilesOfLabel(""), Names());
  EXPECT_EQ(ProfilesOfLabel("varmor-a (enforce)\n"), Names{"varmor-a"});
  EXPECT_EQ(ProfilesOfLabel("varmor-a"), Names{"varmor-a"});
  EXPECT_EQ(ProfilesOfLabel("a//b (complain)"), Names{"a//b"});
  EXPECT_EQ(ProfilesOfLabel("a//&b//c (enforce)"), (Names{"a", "b//c"}));
  EXPECT_EQ(ProfilesOfLabel("unconfined//&a (mixed)"), Names{"a"});
  EXPECT_EQ(ProfilesOfLabel("my profile (old) (enforce)"), Names{"my profile (old)"});
}

TEST(IsUnderTest, ChildrenAreUnderAProfileAndNamesakesAreNot) {
  EXPECT_TRUE(IsUnder("varmor-a", "varmor-a"));
  EXPECT_TRUE(IsUnder("varmor-a//child", "varmor-a"));
  EXPECT_FALSE(IsUnder("varmor-ab", "varmor-a"));
  EXPECT_FALSE(IsUnder("varmor", "varmor-a"));
  EXPECT_FALSE(IsUnder("varmor-a/x", "varmor-a"));
}

TEST(FindConfinedProcessesTest, EveryThreadCountsAndOldKernelsHaveAnotherFile) {
  const TemporaryDirectory proc;
  PutFile(proc / "5/comm", "threads\n");
  PutFile(proc / "5/task/5/attr/apparmor/current", "unconfined\n");
  PutFile(proc / "5/task/6/attr/apparmor/current", "varmor-a (enforce)\n");
  PutFile(proc / "7/comm", "old\n");
  PutFile(proc / "7/task/7/attr/current", "varmor-b (enforce)\n");
  PutFile(proc / "8/comm", "without a task directory: it has ended\n");
  PutFile(proc / "self/task/8/attr/current", "varmor-c (enforce)\n");
  const auto processes = FindConfinedProcesses(proc.path());
  ASSERT_TRUE(processes.ok()) << processes.status();
  std::string found;
  for (const ConfinedProcess& process : *processes) {
    absl::StrAppend(&found, process.pid, " ", process.command, " ", process.profile, "\n");
  }
  EXPECT_EQ(found, "5 threads varmor-a\n7 old varmor-b\n");
}

}  // namespace
}  // namespace varmor
