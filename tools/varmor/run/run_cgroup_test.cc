// With cgroups of this machine.
#include "tools/varmor/run/run_cgroup.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/enforcers/bpf/cgroups.h"

namespace varmor {
namespace {

TEST(RunCgroupTest, ProcessesAreFoundBesideCgroupsThatComeAndGo) {
  const absl::StatusOr<std::string> top =
      MakeRunCgroup("", absl::StrCat("varmor-run-cgroup-test-", getpid()));
  if (!top.ok()) GTEST_SKIP() << "NOT TESTED WITH CGROUPS: " << top.status();
  const std::string last = *top + "/last";
  ASSERT_TRUE(MakeCgroup(last).ok());
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  ASSERT_TRUE(MoveIntoCgroup(last, child).ok());

  std::atomic<bool> stop{false};
  std::thread churn([&] {
    for (unsigned i = 0; !stop; ++i) {
      const std::string path = absl::StrCat(*top, "/churn", i % 16);
      if (mkdir(path.c_str(), 0755) == 0) mkdir((path + "/below").c_str(), 0755);
      const std::string old = absl::StrCat(*top, "/churn", (i + 8) % 16);
      rmdir((old + "/below").c_str());
      rmdir(old.c_str());
    }
  });
  int missed = 0;
  absl::Status failed;
  for (int i = 0; i < 500; ++i) {
    const absl::StatusOr<std::vector<pid_t>> found = ProcessesIn(*top);
    failed.Update(found.status());
    missed += found.ok() && *found == std::vector<pid_t>{child} ? 0 : 1;
  }
  stop = true;
  churn.join();
  EXPECT_EQ(missed, 0) << failed;

  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  for (int i = 0; i < 16; ++i) {
    rmdir(absl::StrCat(*top, "/churn", i, "/below").c_str());
    rmdir(absl::StrCat(*top, "/churn", i).c_str());
  }
  EXPECT_TRUE(RemoveCgroup(last).ok());
  EXPECT_TRUE(RemoveCgroup(*top).ok());
}

TEST(RunCgroupTest, ACgroupThatIsGoneHasNoProcesses) {
  const absl::StatusOr<std::vector<pid_t>> none = ProcessesIn("/sys/fs/cgroup/varmor-no-such");
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_TRUE(none->empty());
}

}  // namespace
}  // namespace varmor
