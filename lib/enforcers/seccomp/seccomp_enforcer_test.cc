#include "lib/enforcers/seccomp/seccomp_enforcer.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "lib/enforcers/testing/failing_file_calls.h"
#include "lib/enforcers/testing/temporary_directory.h"

namespace varmor {
namespace {

using Names = std::vector<std::string>;
using Origin = SeccompFileState::Origin;

constexpr char kWeb[] = "varmor-ns-web";
constexpr char kOld[] = "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}\n";
constexpr char kNew[] =
    "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"unshare\"], "
    "\"action\": \"SCMP_ACT_ERRNO\"}]}\n";

SeccompArtifact Artifact(const std::string& name, const std::string& json) {
  SeccompArtifact artifact;
  artifact.set_name(name);
  artifact.set_json(json);
  return artifact;
}

class SeccompEnforcerTest : public ::testing::Test {
 protected:
  SeccompEnforcerTest() {
    std::filesystem::create_directory(directory_ / "kubelet");
    options_.directory = directory_ / "kubelet/seccomp";
    options_.state_directory = directory_ / "state";
  }

  absl::Status Apply(const std::string& json, const std::string& name = kWeb) {
    const SeccompArtifact artifact = Artifact(name, json);
    ArtifactSet set;
    set.seccomp = &artifact;
    return SeccompEnforcer(options_, files_).Apply(set);
  }
  absl::Status Remove(const std::string& name) {
    return SeccompEnforcer(options_, files_).Remove(name);
  }
  SeccompFileState Inspect() {
    const absl::StatusOr<SeccompFileState> state = SeccompEnforcer(options_, files_).Inspect(kWeb);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.value_or(SeccompFileState());
  }
  std::string File(const std::string& name = kWeb) const { return options_.directory + "/" + name; }

  // A message with the test's directory cut out.
  std::string Said(const absl::Status& status) {
    return absl::StrReplaceAll(status.ToString(), {{directory_.path(), "ROOT"}});
  }

  const TemporaryDirectory directory_;
  SeccompOptions options_;
  FailingFileCalls files_;
};

TEST_F(SeccompEnforcerTest, AnAppliedProfileIsAFileForTheKubelet) {
  ASSERT_EQ(Apply(kNew), absl::OkStatus());
  EXPECT_EQ(FileContent(File()), kNew);
  struct stat status = {};
  ASSERT_EQ(stat(File().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0644u);
  EXPECT_TRUE(Inspect().present);
  EXPECT_EQ(Inspect().origin, Origin::kAsWritten);
  EXPECT_EQ(SeccompEnforcer(options_).Profiles().value(), Names{kWeb});
}

TEST_F(SeccompEnforcerTest, TheSameProfileAgainWritesNothing) {
  ASSERT_EQ(Apply(kNew), absl::OkStatus());
  files_.FailAt(0, EIO, 1000);
  EXPECT_EQ(Apply(kNew), absl::OkStatus());
  EXPECT_EQ(files_.calls(), 0);
}

TEST_F(SeccompEnforcerTest, ARestartedMachineStillHasIt) {
  ASSERT_EQ(Apply(kOld), absl::OkStatus());
  ASSERT_EQ(Apply(kNew), absl::OkStatus());
  EXPECT_EQ(FileContent(File()), kNew);
  EXPECT_EQ(Remove(kWeb), absl::OkStatus());
  EXPECT_EQ(FileContent(File()), "(no such file)");
}

// ---- What is refused.

struct BadCase {
  const char* name;
  const char* json;
  const char* message;
};

constexpr BadCase kBad[] = {
    {"NoJson", "{",
     "INVALID_ARGUMENT: seccomp profile \"varmor-ns-web\":\nvarmor-ns-web:1:2: error: not JSON: "
     "missing a name for object member [bad-json]\n"
     "  fix: write the profile as JSON: keys and text in double quotes, no comments, no comma "
     "behind "
     "the last item"},
    {"Words",
     "{\"defaultAction\": \"SCMP_ACT_ALOW\",\n \"architectures\": [\"SCMP_ARCH_X64\"],\n"
     " \"syscalls\": [{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\",\n"
     "  \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQUAL\"}]}]}",
     nullptr},
};

TEST_F(SeccompEnforcerTest, AProfileWithMistakesIsNotWritten) {
  ASSERT_EQ(Apply(kOld), absl::OkStatus());
  for (const BadCase& bad : kBad) {
    SCOPED_TRACE(bad.name);
    const std::string said = Said(Apply(bad.json));
    if (bad.message != nullptr) {
      EXPECT_EQ(said, bad.message);
    }
    EXPECT_EQ(FileContent(File()), kOld);
  }
}

TEST_F(SeccompEnforcerTest, EveryWrongWordIsNamed) {
  const std::string said = Said(Apply(kBad[1].json));
  for (const char* part : {"SCMP_ACT_ALOW", "SCMP_ACT_ALLOW", "SCMP_ARCH_X64", "SCMP_CMP_EQUAL",
                           "varmor-ns-web:4:43"}) {
    EXPECT_TRUE(absl::StrContains(said, part)) << part << " in:\n" << said;
  }
}

TEST_F(SeccompEnforcerTest, WhatLibseccompRefusesIsNamed) {
  // Architectures of two byte orders do not fit into one filter.
  EXPECT_EQ(Said(Apply("{\"defaultAction\": \"SCMP_ACT_ALLOW\", "
                       "\"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_S390X\"]}")),
            "INVALID_ARGUMENT: seccomp profile \"varmor-ns-web\": libseccomp refuses "
            "SCMP_ARCH_S390X: Numerical argument out of domain");
}

TEST_F(SeccompEnforcerTest, AListenerIsTheRuntimesBusiness) {
  EXPECT_EQ(Apply("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/run/listener\", "
                  "\"syscalls\": [{\"names\": [\"mount\"], \"action\": \"SCMP_ACT_NOTIFY\"}]}"),
            absl::OkStatus());
}

TEST_F(SeccompEnforcerTest, NamesOfOthersAreRefused) {
  for (const char* name : {"audit.json", "../varmor-x", "varmor-a/b"}) {
    EXPECT_EQ(Apply(kOld, name).code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(Remove(name).code(), absl::StatusCode::kFailedPrecondition) << name;
  }
  EXPECT_EQ(SeccompEnforcer(options_).Apply(ArtifactSet()),
            absl::InvalidArgumentError("there is no seccomp artifact to apply"));
}

// ---- Files of others.

TEST_F(SeccompEnforcerTest, FilesOfOthersAreNotRemoved) {
  PutFile(File(), kOld);
  EXPECT_EQ(Said(Remove(kWeb)),
            "FAILED_PRECONDITION: \"ROOT/kubelet/seccomp/varmor-ns-web\" is not ours: it stays; "
            "apply the profile to take it over");
  ASSERT_EQ(Apply(kNew), absl::OkStatus());
  EXPECT_EQ(Remove(kWeb), absl::OkStatus());
  EXPECT_EQ(Said(Remove(kWeb)), "NOT_FOUND: there is no seccomp profile \"varmor-ns-web\"");
}

TEST_F(SeccompEnforcerTest, AChangedFileIsNoticedAndNotRemovedButReplaced) {
  ASSERT_EQ(Apply(kNew), absl::OkStatus());
  PutFile(File(), "{}");
  EXPECT_EQ(Inspect().origin, Origin::kTampered);
  EXPECT_EQ(Said(Remove(kWeb)),
            "FAILED_PRECONDITION: \"ROOT/kubelet/seccomp/varmor-ns-web\" was changed by somebody "
            "else: it stays; apply the profile first");
  ASSERT_EQ(Apply(kNew), absl::OkStatus());
  EXPECT_EQ(FileContent(File()), kNew);
  EXPECT_EQ(Inspect().origin, Origin::kAsWritten);
}

TEST_F(SeccompEnforcerTest, AFileThatSomebodyRemovedIsNoticedAndForgotten) {
  ASSERT_EQ(Apply(kNew), absl::OkStatus());
  std::filesystem::remove(File());
  EXPECT_FALSE(Inspect().present);
  EXPECT_EQ(Inspect().origin, Origin::kTampered);
  EXPECT_EQ(Remove(kWeb), absl::OkStatus());
  EXPECT_EQ(SeccompEnforcer(options_).Profiles().value(), Names());
}

TEST_F(SeccompEnforcerTest, ALinkIsReplacedAndNotFollowed) {
  std::filesystem::create_directory(options_.directory);
  PutFile(directory_ / "target", "untouched");
  std::filesystem::create_symlink(directory_ / "target", File());
  ASSERT_EQ(Apply(kNew), absl::OkStatus());
  EXPECT_EQ(FileContent(directory_ / "target"), "untouched");
  EXPECT_FALSE(std::filesystem::is_symlink(File()));
}

// ---- Failures.

// Every call that changes a file fails in turn, alone and with all that follow.
TEST_F(SeccompEnforcerTest, AFailureAtAnyStepLeavesTheOldFileOrTheNew) {
  const Names whole = {"kubelet/seccomp/varmor-ns-web", "state/lock",
                       "state/varmor-ns-web.textproto"};
  for (const int failures : {1, 1000}) {
    int failed = 0;
    for (int call = 0;; ++call) {
      SCOPED_TRACE(absl::StrCat("call ", call, ", ", failures, " failures"));
      files_.FailAt(FailingFileCalls::kNever, 0);
      ASSERT_EQ(Apply(kOld), absl::OkStatus());
      files_.FailAt(call, ENOSPC, failures);
      const absl::Status status = Apply(kNew);
      const bool over = files_.calls() <= call;
      const std::string content = FileContent(File());
      if (status.ok()) {
        EXPECT_EQ(content, kNew);
      } else {
        ++failed;
        const bool durable_only = absl::StrContains(status.message(), "be sure to keep") &&
                                  absl::StrContains(status.message(), "kubelet");
        EXPECT_EQ(content, durable_only ? kNew : kOld) << status;
      }
      EXPECT_EQ(Inspect().origin, Origin::kAsWritten);
      // What cannot even be removed is overwritten the next time.
      if (failures == 1) {
        EXPECT_EQ(directory_.Files(), whole);
      }
      if (over) break;
    }
    // Nine calls for each of two files, of which closing the directory does not matter; unless what
    // follows fails with it.
    EXPECT_EQ(failed, failures == 1 ? 16 : 17);
    files_.FailAt(FailingFileCalls::kNever, 0);
    ASSERT_EQ(Apply(kOld), absl::OkStatus());
    ASSERT_EQ(Apply(kNew), absl::OkStatus());
    EXPECT_EQ(directory_.Files(), whole);
  }
}

TEST_F(SeccompEnforcerTest, AFailedRemovalCanBeRepeated) {
  for (int call = 0;; ++call) {
    SCOPED_TRACE(absl::StrCat("call ", call));
    files_.FailAt(FailingFileCalls::kNever, 0);
    ASSERT_EQ(Apply(kNew), absl::OkStatus());
    files_.FailAt(call, EIO);
    const absl::Status status = Remove(kWeb);
    const bool over = files_.calls() <= call;
    files_.FailAt(FailingFileCalls::kNever, 0);
    if (!status.ok()) {
      const absl::Status again = Remove(kWeb);
      EXPECT_TRUE(again.ok() || absl::IsNotFound(again)) << again;
    }
    EXPECT_EQ(directory_.Files(), Names{"state/lock"});
    if (over) break;
  }
}

// ---- Probe.

TEST_F(SeccompEnforcerTest, ProbeAsksForTheKubeletsDirectory) {
  EXPECT_TRUE(SeccompEnforcer(options_).Probe().available);
  options_.directory = directory_ / "no/such/place";
  EnforcerSupport support = SeccompEnforcer(options_).Probe();
  EXPECT_FALSE(support.available);
  EXPECT_EQ(support.problem,
            absl::StrCat("there is no directory \"", directory_ / "no/such/place", "\""));
  EXPECT_EQ(support.fix,
            "run where the kubelet keeps its files, or name the directory of its profiles");
  const absl::Status applied = Apply(kNew);
  EXPECT_EQ(Said(applied),
            "FAILED_PRECONDITION: cannot make \"ROOT/no/such/place\": No such file "
            "or directory");
}

}  // namespace
}  // namespace varmor
