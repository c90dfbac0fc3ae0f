#include "lib/enforcers/apparmor/change_on_exec.h"

#include <string>

#include "gtest/gtest.h"
#include "lib/enforcers/testing/temporary_directory.h"

namespace varmor {
namespace {

TEST(ChangeOnExecTest, TheModulesOwnFileIsPreferred) {
  const TemporaryDirectory proc;
  PutFile(proc / "thread-self/attr/apparmor/exec", "");
  PutFile(proc / "thread-self/attr/exec", "");
  EXPECT_EQ(ChangeOnExec("varmor-a", proc.path()), absl::OkStatus());
  EXPECT_EQ(FileContent(proc / "thread-self/attr/apparmor/exec"), "exec varmor-a");
  EXPECT_EQ(FileContent(proc / "thread-self/attr/exec"), "");
}

TEST(ChangeOnExecTest, OlderKernelsHaveOneFileForAllModules) {
  const TemporaryDirectory proc;
  PutFile(proc / "thread-self/attr/exec", "");
  EXPECT_EQ(ChangeOnExec("varmor-a", proc.path()), absl::OkStatus());
  EXPECT_EQ(FileContent(proc / "thread-self/attr/exec"), "exec varmor-a");
}

TEST(ChangeOnExecTest, ConfinementIsOneLine) {
  const TemporaryDirectory proc;
  PutFile(proc / "thread-self/attr/current", "varmor-a (enforce)\n");
  EXPECT_EQ(CurrentConfinement(proc.path()).value(), "varmor-a (enforce)");
  PutFile(proc / "thread-self/attr/apparmor/current", "unconfined\n");
  EXPECT_EQ(CurrentConfinement(proc.path()).value(), "unconfined");
}

TEST(ChangeOnExecTest, AMachineWithoutAnyIsAnError) {
  const TemporaryDirectory proc;
  EXPECT_FALSE(ChangeOnExec("varmor-a", proc.path()).ok());
  EXPECT_FALSE(CurrentConfinement(proc.path()).ok());
}

}  // namespace
}  // namespace varmor
