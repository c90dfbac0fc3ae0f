#include "runtime/agent/agent_lock.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/enforcers/testing/temporary_directory.h"

namespace varmor {
namespace {

class AgentLockTest : public ::testing::Test {
 protected:
  absl::StatusOr<AgentLock> Lock(const std::string& state, const std::string& bpf) {
    AgentLockOptions options;
    options.state_directory = directory_ / state;
    options.bpf_directory = bpf;
    options.run_directory = directory_ / "run";
    options.timeout = absl::Milliseconds(50);
    return AgentLock::Take(options);
  }

  const TemporaryDirectory directory_;
};

TEST_F(AgentLockTest, TheStateIsOfOneAgent) {
  const auto first = Lock("state", "");
  ASSERT_EQ(first.status(), absl::OkStatus());
  EXPECT_EQ(Lock("state", "/sys/fs/bpf/varmor").status(),
            absl::FailedPreconditionError(
                absl::StrCat("another agent works with \"", directory_ / "state", "\": `lsof ",
                             directory_ / "state/agent.lock",
                             "` shows it; end it, or give this one a --stateDir of its own")));
  EXPECT_EQ(Lock("other", "").status(), absl::OkStatus());
}

TEST_F(AgentLockTest, SoIsTheDirectoryOfPins) {
  {
    const auto first = Lock("a", "/sys/fs/bpf/varmor");
    ASSERT_EQ(first.status(), absl::OkStatus());
    EXPECT_EQ(Lock("b", "/sys/fs/bpf/varmor").status(),
              absl::FailedPreconditionError(
                  absl::StrCat("another agent works with \"/sys/fs/bpf/varmor\": `lsof ",
                               directory_ / "run/agent-sys-fs-bpf-varmor.lock",
                               "` shows it; end it, or give this one a --bpfDir of its own")));
    EXPECT_EQ(Lock("b", "/sys/fs/bpf/other").status(), absl::OkStatus());
  }
  EXPECT_EQ(Lock("b", "/sys/fs/bpf/varmor").status(), absl::OkStatus());
}

}  // namespace
}  // namespace varmor
