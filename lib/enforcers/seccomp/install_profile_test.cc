// Filters on this machine's kernel, each in a process of its own.
#include "lib/enforcers/seccomp/install_profile.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/enforcers/capabilities.h"

namespace varmor {
namespace {

constexpr int kNotInstalled = 200;

SeccompProfile Profile(const std::string& default_action) {
  SeccompProfile profile;
  profile.default_action = default_action;
  return profile;
}

SeccompProfile Denying(const std::string& call, const std::string& action = "SCMP_ACT_ERRNO",
                       std::vector<SeccompArg> args = {}) {
  SeccompProfile profile = Profile("SCMP_ACT_ALLOW");
  SeccompEntry entry;
  entry.names = {call};
  entry.action = action;
  entry.args = std::move(args);
  profile.entries.push_back(entry);
  return profile;
}

// "exit N" or "signal N" of a child that runs `body`.
std::string InChild(const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) return "lost";
  return WIFEXITED(status) ? absl::StrCat("exit ", WEXITSTATUS(status))
                           : absl::StrCat("signal ", WTERMSIG(status));
}

// What chmod of a missing file says under a filter: its errno.
std::string ChmodUnder(const SeccompProfile& profile, mode_t mode = 0700,
                       NoNewPrivs no_new_privs = NoNewPrivs::kWhenNeeded) {
  return InChild([&] {
    if (!InstallSeccompProfile(profile, no_new_privs).ok()) return kNotInstalled;
    return chmod("/no/such/file", mode) == 0 ? 0 : errno;
  });
}

void DropAllCapabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capset, &header, none) != 0) _exit(kNotInstalled);
}

TEST(InstallProfileTest, WithoutAFilterTheCallHappens) {
  EXPECT_EQ(ChmodUnder(Profile("SCMP_ACT_ALLOW")), absl::StrCat("exit ", ENOENT));
}

TEST(InstallProfileTest, ADeniedCallGetsItsErrno) {
  EXPECT_EQ(ChmodUnder(Denying("chmod")), absl::StrCat("exit ", EPERM));
  SeccompProfile profile = Denying("chmod");
  profile.entries[0].errno_ret = EXDEV;
  EXPECT_EQ(ChmodUnder(profile), absl::StrCat("exit ", EXDEV));
}

TEST(InstallProfileTest, ArgumentsAreLookedAt) {
  SeccompArg executable;
  executable.index = 1;
  executable.value = 0100;
  executable.value_two = 0100;
  executable.op = "SCMP_CMP_MASKED_EQ";
  const SeccompProfile profile = Denying("chmod", "SCMP_ACT_ERRNO", {executable});
  EXPECT_EQ(ChmodUnder(profile, 0700), absl::StrCat("exit ", EPERM));
  EXPECT_EQ(ChmodUnder(profile, 0600), absl::StrCat("exit ", ENOENT));
}

TEST(InstallProfileTest, AKilledProcessIsKilled) {
  EXPECT_EQ(ChmodUnder(Denying("chmod", "SCMP_ACT_KILL_PROCESS")), absl::StrCat("signal ", SIGSYS));
  EXPECT_EQ(ChmodUnder(Denying("chmod", "SCMP_ACT_TRAP")), absl::StrCat("signal ", SIGSYS));
  EXPECT_EQ(ChmodUnder(Denying("chmod", "SCMP_ACT_LOG")), absl::StrCat("exit ", ENOENT));
}

TEST(InstallProfileTest, WhatAProgramExecutesIsConfinedToo) {
  EXPECT_EQ(InChild([] {
              if (!InstallSeccompProfile(Denying("unshare")).ok()) return kNotInstalled;
              execl("/usr/bin/unshare", "unshare", "--mount", "true", nullptr);
              return 99;
            }),
            "exit 1");
}

TEST(InstallProfileTest, UnknownSyscallsAreSkipped) {
  SeccompProfile profile = Denying("no_such_call");
  profile.entries[0].names.push_back("chmod");
  EXPECT_EQ(ChmodUnder(profile), absl::StrCat("exit ", EPERM));
}

TEST(InstallProfileTest, FlagsAndArchitecturesAreTaken) {
  SeccompProfile profile = Denying("chmod");
  profile.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  profile.flags = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                   "SECCOMP_FILTER_FLAG_SPEC_ALLOW"};
  EXPECT_EQ(ChmodUnder(profile), absl::StrCat("exit ", EPERM));
}

// ---- no_new_privs.

TEST(InstallProfileTest, NoNewPrivsIsSetOnlyWhenItIsNeeded) {
  if (!HasCapability(CAP_SYS_ADMIN)) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  const auto flag = [](NoNewPrivs no_new_privs, bool drop) {
    return InChild([&] {
      if (drop) DropAllCapabilities();
      if (!InstallSeccompProfile(Denying("chmod"), no_new_privs).ok()) return kNotInstalled;
      return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    });
  };
  EXPECT_EQ(flag(NoNewPrivs::kWhenNeeded, false), "exit 0");
  EXPECT_EQ(flag(NoNewPrivs::kAlways, false), "exit 1");
  EXPECT_EQ(flag(NoNewPrivs::kWhenNeeded, true), "exit 1");
}

// ---- What is refused.

TEST(InstallProfileTest, AnEntryThatLibseccompRefusesIsNamed) {
  SeccompProfile profile = Denying("chmod");
  profile.entries.push_back(Denying("fchmod").entries[0]);
  profile.entries[1].errno_ret = 5000;  // above MAX_ERRNO of the kernel
  EXPECT_EQ(SeccompProgram::Build(profile).status(),
            absl::FailedPreconditionError("syscalls[1], \"fchmod\": Invalid argument"));
  profile = Denying("chmod");
  profile.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_S390X"};
  EXPECT_EQ(SeccompProgram::Build(profile).status(),
            absl::FailedPreconditionError("SCMP_ARCH_S390X: Numerical argument out of domain"));
}

TEST(InstallProfileTest, AListenerIsUnimplemented) {
  EXPECT_EQ(SeccompProgram::Build(Denying("chmod", "SCMP_ACT_NOTIFY")).status(),
            absl::UnimplementedError("syscalls[0], SCMP_ACT_NOTIFY needs a listener"));
  EXPECT_EQ(SeccompProgram::Build(Profile("SCMP_ACT_NOTIFY")).status(),
            absl::UnimplementedError("SCMP_ACT_NOTIFY needs a listener"));
  SeccompProfile profile = Profile("SCMP_ACT_ALLOW");
  profile.flags = {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
  EXPECT_EQ(SeccompProgram::Build(profile).status(),
            absl::UnimplementedError("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a listener"));
}

TEST(InstallProfileTest, AnArtifactWithMistakesIsRefused) {
  SeccompArtifact artifact;
  artifact.set_name("varmor-a");
  artifact.set_json("{\"defaultAction\": \"SCMP_ACT_ALLOW\",\n \"syscals\": []}");
  EXPECT_EQ(SeccompProgram::Build(artifact).status(),
            absl::InvalidArgumentError(
                "seccomp profile \"varmor-a\":\nvarmor-a:2:2: error: unknown member \"syscals\" "
                "[unknown-key]\n  fix: did you mean \"syscalls\"?"));
}

// A filter that refuses seccomp(2) itself.
TEST(InstallProfileTest, ARefusalOfTheKernelIsTold) {
  SeccompProfile first = Denying("seccomp");
  first.entries[0].names.push_back("prctl");
  EXPECT_EQ(InChild([&] {
              if (!InstallSeccompProfile(first).ok()) return kNotInstalled;
              const absl::Status second = InstallSeccompProfile(Denying("chmod"));
              // With the reason that libseccomp 2.5 makes of it, which is not always the kernel's.
              return absl::IsFailedPrecondition(second) &&
                             absl::StartsWith(second.message(),
                                              "the kernel refuses the seccomp filter: ")
                         ? 0
                         : 1;
            }),
            "exit 0");
}

// ---- Probe.

TEST(ProbeSeccompFiltersTest, ThisMachineTakesFilters) {
  const EnforcerSupport support = ProbeSeccompFilters();
  EXPECT_TRUE(support.available) << support.problem;
  EXPECT_EQ(support.limits, std::vector<std::string>());
}

TEST(ProbeSeccompFiltersTest, AMachineWithoutSaysSo) {
  EXPECT_EQ(InChild([] {
              SeccompProfile profile = Denying("seccomp");
              profile.entries[0].errno_ret = ENOSYS;
              if (!InstallSeccompProfile(profile).ok()) return kNotInstalled;
              const EnforcerSupport support = ProbeSeccompFilters();
              return !support.available &&
                             support.problem == "this kernel's seccomp takes no filters" &&
                             support.fix ==
                                 "run Linux 4.14 or newer, built with "
                                 "CONFIG_SECCOMP_FILTER"
                         ? 0
                         : 1;
            }),
            "exit 0");
  EXPECT_EQ(InChild([] {
              SeccompProfile profile = Denying("prctl");
              profile.entries[0].errno_ret = EINVAL;
              if (!InstallSeccompProfile(profile).ok()) return kNotInstalled;
              return ProbeSeccompFilters().problem == "this kernel has no seccomp" ? 0 : 1;
            }),
            "exit 0");
}

}  // namespace
}  // namespace varmor
