// The attacker in a real container: what it says, and that its operations prove what they are there
// to prove.
#include "tools/attack/container.h"

#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/policy/capability.h"

namespace varmor {
namespace {

ContainerOptions Options() {
  ContainerOptions options;
  options.attacker = absl::StrCat(std::getenv("TEST_SRCDIR"), "/", std::getenv("TEST_WORKSPACE"),
                                  "/tools/attack/attacker");
  options.scratch = testing::TempDir();
  return options;
}

class ContainerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "containers need root";
    auto started = Container::Start(Options(), {});
    if (!started.ok()) GTEST_SKIP() << "runc runs no containers here: " << started.status();
    container_ = *std::move(started);
  }

  std::string Perform(const std::string& line) { return container_->Perform(line).value(); }

  std::unique_ptr<Container> container_;
};

TEST_F(ContainerTest, OperationsNeedTheirCapabilityAndNoOther) {
  int proven = 0;
  for (const absl::string_view name : kCapabilityNames) {
    const std::string with = Perform(absl::StrCat("capability\t", name));
    const std::string without = Perform(absl::StrCat("capability/without\t", name));
    EXPECT_NE(without, "ok") << name;
    if (with == "ok") {
      ++proven;
    } else {
      EXPECT_TRUE(absl::StartsWith(with, "unprepared ") || with == "ignored")
          << name << ": " << with;
    }
  }
  // A kernel may lack modules, AppArmor, power management.
  EXPECT_GE(proven, 30);
}

TEST_F(ContainerTest, OutcomesAreTold) {
  EXPECT_EQ(Perform("file\tread\t/attacker"), "ok");
  EXPECT_EQ(Perform("file\tread\t/nothing"), "errno 2");
  EXPECT_EQ(Perform("dance"), "unprepared the attacker does not know this verb");
  EXPECT_EQ(Perform("file\tlick\t/attacker"),
            "unprepared the attacker does not know this kind of access");
  EXPECT_EQ(Perform("exec\t/attacker"), "ok");
  EXPECT_EQ(Perform("exec/script\t/attacker"), "ok");
  EXPECT_EQ(Perform("exec/fexecve\t/attacker"), "ok");
  EXPECT_EQ(Perform("exec/memfd\t/attacker"), "ok");
  EXPECT_EQ(Perform("file/proc_cwd\tread\t/attacker"), "ok");
  EXPECT_EQ(Perform("syscall\t39"), "ok");
  EXPECT_EQ(Perform("socket\t2\t1\t0"), "ok");
  EXPECT_EQ(Perform("connect\t169.254.169.254\t80"), "errno 101");
}

TEST_F(ContainerTest, ItsProcessesMoveBetweenItsCgroups) {
  ContainerOptions options = Options();
  options.system_mounts = true;
  const auto started = Container::Start(options, {});
  ASSERT_TRUE(started.ok()) << started.status();
  Container& container = **started;
  if (container.Perform("file/cgroup_child\tread\t/attacker").value() ==
      "unprepared no cgroups of version 2 are mounted") {
    GTEST_SKIP()
        << "cgroups are of version 1 here; tools/vm/run attack-matrix moves between others";
  }
  for (const char* way : {"cgroup_child", "cgroup_sibling", "cgroup_root", "first_cgroup_child",
                          "first_cgroup_sibling", "first_cgroup_root"}) {
    EXPECT_EQ(container.Perform(absl::StrCat("file/", way, "\tread\t/attacker")).value(), "ok");
    EXPECT_EQ(container.Perform(absl::StrCat("file/", way, "\tread\t/nothing")).value(), "errno 2");
  }
}

TEST_F(ContainerTest, AContainerCanBeEnrolledBeforeItStarts) {
  pid_t seen = 0;
  const auto started = Container::Start(Options(), [&seen](const Container& created) {
    seen = created.pid();
    return absl::OkStatus();
  });
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_EQ(seen, (*started)->pid());
  EXPECT_EQ((*started)->Perform("file\tread\t/attacker").value(), "ok");
}

TEST_F(ContainerTest, AnErrorBeforeTheStartEndsTheContainer) {
  const auto started = Container::Start(
      Options(), [](const Container&) { return absl::AbortedError("the policy is not there"); });
  EXPECT_EQ(started.status(), absl::AbortedError("the policy is not there"));
}

TEST_F(ContainerTest, TheRuntimesWordsAreToldWhenItFails) {
  ContainerOptions options = Options();
  options.seccomp_json = R"({"defaultAction":"SCMP_ACT_NONSENSE"})";
  const auto started = Container::Start(options, {});
  EXPECT_EQ(started.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(started.status().message(), "SCMP_ACT_NONSENSE"))
      << started.status();
}

}  // namespace
}  // namespace varmor
