// Processes, which need no rights. The rest is in the guest's suite "agent".
#include "runtime/agent/node_kernel.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

TEST(CutCgroupPathTest, EndsWithTheContainersCgroup) {
  EXPECT_EQ(CutCgroupPath("/default/c1/init.scope", "c1"), "/default/c1");
  EXPECT_EQ(CutCgroupPath("/default/c1", "c1"), "/default/c1");
  // What a container makes below its cgroup is not it, whatever its name.
  EXPECT_EQ(CutCgroupPath("/default/c1/x/c1/y", "c1"), "/default/c1");
  EXPECT_EQ(CutCgroupPath("/default/c12/c", "c1"), "/default/c12/c");
  EXPECT_EQ(CutCgroupPath("/default/c1/x", ""), "/default/c1/x");
  EXPECT_EQ(CutCgroupPath("/", "c1"), "/");
}

TEST(NodeKernelTest, OnlyTheProcessThatIsMeantIsKilled) {
  EnforcersKernel kernel({});
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  ASSERT_GT(child, 0);
  const absl::StatusOr<ProcessFacts> facts = kernel.Process(child, "");
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_NE(facts->start, 0u);
  EXPECT_EQ(kernel.Kill(child, facts->start + 1).code(), absl::StatusCode::kNotFound);
  int ended = 0;
  EXPECT_EQ(waitpid(child, &ended, WNOHANG), 0);
  EXPECT_EQ(kernel.Kill(child, facts->start), absl::OkStatus());
  EXPECT_EQ(waitpid(child, &ended, 0), child);
  EXPECT_TRUE(WIFSIGNALED(ended));
  EXPECT_EQ(kernel.Kill(child, facts->start).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(kernel.Process(child, "").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace varmor
