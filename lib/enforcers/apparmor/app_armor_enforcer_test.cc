#include "lib/enforcers/apparmor/app_armor_enforcer.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "lib/enforcers/apparmor/app_armor_parser.h"
#include "lib/enforcers/apparmor/testing/artifact_for_test.h"
#include "lib/enforcers/apparmor/testing/fake_app_armor_kernel.h"
#include "lib/enforcers/testing/failing_file_calls.h"
#include "lib/enforcers/testing/temporary_directory.h"

namespace varmor {
namespace {

using Names = std::vector<std::string>;
using Origin = AppArmorState::Origin;

constexpr char kWeb[] = "varmor-ns-web";

// Quickly compiled.
AppArmorArtifact Small(const std::string& rules) {
  return ArtifactOfText(kWeb, absl::StrCat("profile ", kWeb, " {\n", rules, "\n}\n"));
}

// The real parser, and a kernel of files.
class AppArmorEnforcerTest : public ::testing::Test {
 protected:
  AppArmorEnforcerTest() {
    // Notes what the parser is asked for.
    const std::string script = absl::StrCat("#!/bin/sh\necho \"$@\" >>", directory_ / "parsed",
                                            "\nexec ", FindAppArmorParser(), " \"$@\"\n");
    PutFile(directory_ / "parser", script);
    chmod((directory_ / "parser").c_str(), 0755);
    options_.state_directory = directory_ / "state";
    options_.parser = directory_ / "parser";
    Restart();
  }

  // Another enforcer with the same state.
  void Restart() { enforcer_ = std::make_unique<AppArmorEnforcer>(options_, kernel_, files_); }

  absl::Status Apply(const AppArmorArtifact& artifact) { return enforcer_->Apply(SetOf(artifact)); }

  AppArmorState Inspect(const std::string& profile) {
    const absl::StatusOr<AppArmorState> state = enforcer_->Inspect(profile);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.value_or(AppArmorState());
  }

  // How often the parser compiled since the last call.
  int Compiled() {
    int count = 0;
    for (const absl::string_view line : absl::StrSplit(FileContent(directory_ / "parsed"), '\n')) {
      if (absl::StrContains(line, "--stdout")) ++count;
    }
    PutFile(directory_ / "parsed", "");
    return count;
  }

  // Files that an interrupted write would leave.
  int TemporaryFiles() {
    const Names files = directory_.Files();
    return static_cast<int>(std::count_if(files.begin(), files.end(), [](const std::string& file) {
      return absl::EndsWith(file, ".tmp");
    }));
  }

  const TemporaryDirectory directory_;
  AppArmorOptions options_;
  FakeAppArmorKernel kernel_{directory_ / "kernel"};
  FailingFileCalls files_;
  std::unique_ptr<AppArmorEnforcer> enforcer_;
};

// ---- Apply.

TEST_F(AppArmorEnforcerTest, AnAppliedProfileIsInTheKernel) {
  ASSERT_EQ(Apply(ArtifactForTest(kWeb, "deny /x r,")), absl::OkStatus());
  EXPECT_EQ(kernel_.Loaded(), Names{kWeb});
  const AppArmorState state = Inspect(kWeb);
  EXPECT_TRUE(state.loaded);
  EXPECT_EQ(state.mode, "enforce");
  EXPECT_EQ(state.hash.size(), 64u);
  EXPECT_EQ(state.origin, Origin::kAsLoaded);
  EXPECT_EQ(state.problem, "");
  EXPECT_EQ(enforcer_->Profiles().value(), Names{kWeb});
}

TEST_F(AppArmorEnforcerTest, TheSameArtifactIsNeitherCompiledNorLoadedAgain) {
  const AppArmorArtifact artifact = ArtifactForTest(kWeb, "deny /x r,");
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  EXPECT_EQ(Compiled(), 1);
  Restart();
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  EXPECT_EQ(Compiled(), 0);
  EXPECT_EQ(kernel_.replaced, 1);
}

TEST_F(AppArmorEnforcerTest, ATextWithTheSameMeaningIsNotLoadedAgain) {
  ASSERT_EQ(Apply(ArtifactForTest(kWeb, "deny /x r,")), absl::OkStatus());
  const AppArmorArtifact other = ArtifactForTest(kWeb, "# a comment\n  deny /x r,");
  ASSERT_EQ(Apply(other), absl::OkStatus());
  EXPECT_EQ(kernel_.replaced, 1);
  EXPECT_EQ(Compiled(), 2);
  ASSERT_EQ(Apply(other), absl::OkStatus());
  EXPECT_EQ(Compiled(), 0);
}

TEST_F(AppArmorEnforcerTest, AnotherTextReplacesTheProfile) {
  ASSERT_EQ(Apply(ArtifactForTest(kWeb, "deny /x r,")), absl::OkStatus());
  const std::string first = Inspect(kWeb).hash;
  ASSERT_EQ(Apply(ArtifactForTest(kWeb, "deny /y r,")), absl::OkStatus());
  EXPECT_NE(Inspect(kWeb).hash, first);
  EXPECT_EQ(Inspect(kWeb).origin, Origin::kAsLoaded);
}

TEST_F(AppArmorEnforcerTest, ComplainingIsAnotherProfile) {
  AppArmorArtifact artifact = ArtifactForTest(kWeb, "deny /x r,");
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  artifact.set_complain(true);
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  EXPECT_EQ(Inspect(kWeb).mode, "complain");
  EXPECT_EQ(kernel_.replaced, 2);
}

TEST_F(AppArmorEnforcerTest, AModeInTheTextCounts) {
  ASSERT_EQ(Apply(ArtifactOfText(kWeb, absl::StrCat("profile ", kWeb, " flags=(complain) {}\n"))),
            absl::OkStatus());
  EXPECT_EQ(Inspect(kWeb).mode, "complain");
}

TEST_F(AppArmorEnforcerTest, TheMachinesDisksAreInTheText) {
  AppArmorArtifact artifact = ArtifactOfText(kWeb, absl::StrCat("profile ", kWeb, " {\n"));
  AppArmorHole& hole = *artifact.add_pieces()->mutable_hole();
  hole.set_kind(DISK_DEVICES);
  hole.set_prefix("  deny ");
  hole.set_suffix(" rw,");
  artifact.add_pieces()->set_text("}\n");
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  std::string text;
  for (const std::string& file : directory_.Files()) {
    if (absl::EndsWith(file, ".apparmor")) text = FileContent(directory_ / file);
  }
  EXPECT_EQ(text, "profile varmor-ns-web {\n  deny /dev/sda rw,\n}\n");
}

TEST_F(AppArmorEnforcerTest, AfterARestartOfTheMachineNothingIsCompiled) {
  const AppArmorArtifact artifact = ArtifactForTest(kWeb, "deny /x r,");
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  Compiled();
  kernel_.Reboot();
  EXPECT_EQ(enforcer_->Profiles().value(), Names());
  EXPECT_FALSE(Inspect(kWeb).loaded);
  EXPECT_EQ(Inspect(kWeb).origin, Origin::kUnknown);
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  EXPECT_EQ(Compiled(), 0);
  EXPECT_EQ(kernel_.Loaded(), Names{kWeb});
}

TEST_F(AppArmorEnforcerTest, ADamagedCompiledPolicyIsCompiledAgain) {
  const AppArmorArtifact artifact = ArtifactForTest(kWeb, "deny /x r,");
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  Compiled();
  for (const std::string& file : directory_.Files()) {
    if (!absl::EndsWith(file, ".policy")) continue;
    std::string content = FileContent(directory_ / file);
    content[content.size() / 2] ^= 1;
    PutFile(directory_ / file, content);
  }
  kernel_.Reboot();
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  EXPECT_EQ(Compiled(), 1);
}

TEST_F(AppArmorEnforcerTest, WhatAProfileIncludesIsPartOfIt) {
  std::filesystem::copy("/etc/apparmor.d", directory_ / "includes",
                        std::filesystem::copy_options::recursive);
  options_.include_directory = directory_ / "includes";
  Restart();
  const AppArmorArtifact artifact =
      ArtifactOfText(kWeb, absl::StrCat("profile ", kWeb, " { include <abstractions/mine> }\n"));
  PutFile(directory_ / "includes/abstractions/mine", "deny /x r,\n");
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  PutFile(directory_ / "includes/abstractions/mine", "deny /y r,\n");
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  EXPECT_EQ(kernel_.replaced, 2);
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  EXPECT_EQ(kernel_.replaced, 2);
}

TEST_F(AppArmorEnforcerTest, FilesIncludedFromElsewhereAreLookedAtEachTime) {
  PutFile(directory_ / "mine", "deny /x r,\n");
  const AppArmorArtifact artifact = ArtifactOfText(
      kWeb, absl::StrCat("profile ", kWeb, " { include \"", directory_ / "mine", "\" }\n"));
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  EXPECT_EQ(kernel_.replaced, 1);
  PutFile(directory_ / "mine", "deny /y r,\n");
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  EXPECT_EQ(kernel_.replaced, 2);
}

TEST_F(AppArmorEnforcerTest, AnotherKernelIsCompiledForAgain) {
  const AppArmorArtifact artifact = ArtifactForTest(kWeb, "deny mount,");
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  std::filesystem::remove_all(kernel_.directory() + "/features/mount");
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  EXPECT_EQ(Compiled(), 2);
}

// ---- What is refused.

struct RefusedCase {
  const char* name;
  const char* profile;
  const char* text;
  const char* message;
};

constexpr RefusedCase kRefused[] = {
    {"NotOurs", "web", "profile web {}\n",
     "AppArmor profile \"web\": \"web\" is no name of a profile: they begin with \"varmor-\", are "
     "made of [A-Za-z0-9._-] and have at most 200 bytes"},
    {"AnotherName", "varmor-a", "profile varmor-b {}\n",
     "AppArmor profile \"varmor-a\": its text declares the profile \"varmor-b\", which is another "
     "one"},
    {"OneMore", "varmor-a", "profile varmor-a {}\nprofile sshd {}\n",
     "AppArmor profile \"varmor-a\": its text declares the profile \"sshd\", which is another one"},
    {"None", "varmor-a", "# nothing\n",
     "AppArmor profile \"varmor-a\": its text does not declare it"},
    {"Syntax", "varmor-a",
     "profile varmor-a {\n  # raw (spec.policy.enhanceProtect.appArmorRawRules[0])\n  deny /x q,\n"
     "}\n",
     "AppArmor profile \"varmor-a\": apparmor_parser refuses line 3 "
     "(spec.policy.enhanceProtect.appArmorRawRules[0]), \"deny /x q,\": AppArmor parser error at "
     "line 3: syntax error, unexpected TOK_ID, expecting TOK_MODE"},
};

TEST_F(AppArmorEnforcerTest, BadArtifactsAreRefused) {
  for (const RefusedCase& refused : kRefused) {
    SCOPED_TRACE(refused.name);
    EXPECT_EQ(Apply(ArtifactOfText(refused.profile, refused.text)),
              absl::InvalidArgumentError(refused.message));
  }
  EXPECT_EQ(kernel_.Loaded(), Names());
}

TEST_F(AppArmorEnforcerTest, AMissingChildIsRefused) {
  AppArmorArtifact artifact = ArtifactForTest(kWeb, "");
  artifact.add_children("varmor-ns-web//child_0");
  EXPECT_EQ(Apply(artifact),
            absl::InvalidArgumentError("AppArmor profile \"varmor-ns-web\": its text does not "
                                       "declare the child profile \"varmor-ns-web//child_0\""));
}

TEST_F(AppArmorEnforcerTest, WithoutAnArtifactNothingIsApplied) {
  EXPECT_EQ(enforcer_->Apply(ArtifactSet()),
            absl::InvalidArgumentError("there is no AppArmor artifact to apply"));
}

TEST_F(AppArmorEnforcerTest, AParserThatTakesTooLongIsStopped) {
  PutFile(directory_ / "slow", "#!/bin/sh\nsleep 1000\n");
  chmod((directory_ / "slow").c_str(), 0755);
  options_.parser = directory_ / "slow";
  options_.parser_timeout = std::chrono::milliseconds(50);
  Restart();
  EXPECT_EQ(Apply(ArtifactForTest(kWeb, "")),
            absl::DeadlineExceededError(
                "AppArmor profile \"varmor-ns-web\": apparmor_parser took more than 0.05 seconds: "
                "the profile's patterns are too much for it"));
}

// ---- The old profile stays when the new one does not get in.

TEST_F(AppArmorEnforcerTest, ARefusalOfTheKernelLeavesTheOldProfile) {
  ASSERT_EQ(Apply(ArtifactForTest(kWeb, "deny /x r,")), absl::OkStatus());
  const std::string before = Inspect(kWeb).hash;
  kernel_.refusals = 1;
  EXPECT_EQ(Apply(ArtifactForTest(kWeb, "deny /y r,")),
            absl::FailedPreconditionError("AppArmor profile \"varmor-ns-web\": the kernel refuses "
                                          "to load the profile: no"));
  EXPECT_EQ(Inspect(kWeb).hash, before);
  EXPECT_EQ(Inspect(kWeb).origin, Origin::kAsLoaded);
}

TEST_F(AppArmorEnforcerTest, WhatLoadsWronglyIsTakenBack) {
  kernel_.wrong_modes = 1;
  const absl::Status wrong = absl::FailedPreconditionError(
      "AppArmor profile \"varmor-ns-web\": the kernel holds \"varmor-ns-web\" in mode kill, not "
      "enforce");
  EXPECT_EQ(Apply(ArtifactForTest(kWeb, "deny /x r,")), wrong);
  EXPECT_EQ(kernel_.Loaded(), Names());
  EXPECT_EQ(enforcer_->Profiles().value(), Names());

  ASSERT_EQ(Apply(ArtifactForTest(kWeb, "deny /x r,")), absl::OkStatus());
  const std::string before = Inspect(kWeb).hash;
  kernel_.wrong_modes = 1;
  EXPECT_EQ(Apply(ArtifactForTest(kWeb, "deny /y r,")), wrong);
  EXPECT_EQ(Inspect(kWeb).hash, before);
  EXPECT_EQ(Inspect(kWeb).origin, Origin::kAsLoaded);
}

TEST_F(AppArmorEnforcerTest, AKernelThatKeepsNoPoliciesGetsTheStoredOneBack) {
  kernel_.forgetful = true;
  ASSERT_EQ(Apply(ArtifactForTest(kWeb, "deny /x r,")), absl::OkStatus());
  EXPECT_EQ(Inspect(kWeb).origin, Origin::kUnknown);
  EXPECT_EQ(Inspect(kWeb).problem, "the kernel keeps no hashes of profiles");
  kernel_.wrong_modes = 1;
  EXPECT_FALSE(Apply(ArtifactForTest(kWeb, "deny /y r,")).ok());
  EXPECT_EQ(Inspect(kWeb).mode, "enforce");
}

TEST_F(AppArmorEnforcerTest, AnErrorSaysWhenTheOldProfileCouldNotBePutBack) {
  ASSERT_EQ(Apply(ArtifactForTest(kWeb, "deny /x r,")), absl::OkStatus());
  // Refuses from the second call on.
  class Kernel : public FakeAppArmorKernel {
   public:
    using FakeAppArmorKernel::FakeAppArmorKernel;
    absl::Status Replace(absl::string_view policy) override {
      const absl::Status status = FakeAppArmorKernel::Replace(policy);
      refusals = 1;
      return status;
    }
  } kernel(directory_ / "other-kernel");
  AppArmorEnforcer enforcer(options_, kernel, files_);
  ASSERT_EQ(enforcer.Apply(SetOf(ArtifactForTest("varmor-a", "deny /x r,"))), absl::OkStatus());
  kernel.refusals = 0;
  kernel.wrong_modes = 1;
  EXPECT_EQ(enforcer.Apply(SetOf(ArtifactForTest("varmor-a", "deny /y r,"))),
            absl::FailedPreconditionError(
                "AppArmor profile \"varmor-a\": the kernel holds \"varmor-a\" in mode kill, not "
                "enforce; the former profile could not be put back, the new one is in force: the "
                "kernel refuses to load the profile: no"));
}

// Every call that changes a file fails in turn, alone and with all that follow.
TEST_F(AppArmorEnforcerTest, AFailureAtAnyFileLeavesTheOldProfileOrTheNew) {
  const AppArmorArtifact old_one = Small("deny /x r,");
  const AppArmorArtifact new_one = Small("deny /y r,");
  ASSERT_EQ(Apply(new_one), absl::OkStatus());
  const std::string new_hash = Inspect(kWeb).hash;
  ASSERT_EQ(Apply(old_one), absl::OkStatus());
  const std::string old_hash = Inspect(kWeb).hash;
  for (const int failures : {1, 1000}) {
    int failed = 0;
    for (int call = 0;; ++call) {
      SCOPED_TRACE(absl::StrCat("call ", call, ", ", failures, " failures"));
      files_.FailAt(FailingFileCalls::kNever, 0);
      ASSERT_EQ(Apply(old_one), absl::OkStatus());
      // Compiled anew each time, so that this is among what fails.
      std::filesystem::remove_all(options_.state_directory + "/policies");
      files_.FailAt(call, EIO, failures);
      const absl::Status status = Apply(new_one);
      const bool over = files_.calls() <= call;
      EXPECT_EQ(Inspect(kWeb).hash, status.ok() ? new_hash : old_hash) << status;
      EXPECT_EQ(Inspect(kWeb).origin, Origin::kAsLoaded) << Inspect(kWeb).problem;
      if (failures == 1) {
        EXPECT_EQ(TemporaryFiles(), 0);
      }
      if (!status.ok()) ++failed;
      if (over) break;
    }
    EXPECT_GE(failed, 15);
  }
  files_.FailAt(FailingFileCalls::kNever, 0);
  ASSERT_EQ(Apply(new_one), absl::OkStatus());
  EXPECT_EQ(Inspect(kWeb).origin, Origin::kAsLoaded);
}

TEST_F(AppArmorEnforcerTest, AFailureDuringTheFirstLoadLeavesNothing) {
  const AppArmorArtifact artifact = Small("deny /x r,");
  for (int call = 0;; ++call) {
    SCOPED_TRACE(absl::StrCat("call ", call));
    files_.FailAt(call, ENOSPC);
    const absl::Status status = Apply(artifact);
    const bool over = files_.calls() <= call;
    EXPECT_EQ(kernel_.Loaded(), status.ok() ? Names{kWeb} : Names()) << status;
    files_.FailAt(FailingFileCalls::kNever, 0);
    EXPECT_EQ(enforcer_->Profiles().value(), kernel_.Loaded());
    if (over) break;
    enforcer_->Remove(kWeb).IgnoreError();
    std::filesystem::remove_all(options_.state_directory);
  }
}

TEST_F(AppArmorEnforcerTest, AFailedRemovalCanBeRepeated) {
  const AppArmorArtifact artifact = Small("deny /x r,");
  int failed = 0;
  for (int call = 0;; ++call) {
    SCOPED_TRACE(absl::StrCat("call ", call));
    ASSERT_EQ(Apply(artifact), absl::OkStatus());
    files_.FailAt(call, EIO);
    const absl::Status status = enforcer_->Remove(kWeb);
    const bool over = files_.calls() <= call;
    files_.FailAt(FailingFileCalls::kNever, 0);
    if (!status.ok()) {
      ++failed;
      const absl::Status again = enforcer_->Remove(kWeb);
      EXPECT_TRUE(again.ok() || absl::IsNotFound(again)) << again;
    }
    EXPECT_EQ(kernel_.Loaded(), Names());
    EXPECT_EQ(enforcer_->Profiles().value(), Names());
    if (over) break;
  }
  EXPECT_GT(failed, 0);
}

// ---- Others.

TEST_F(AppArmorEnforcerTest, AReplacementBySomebodyElseIsNoticedAndUndone) {
  const AppArmorArtifact artifact = ArtifactForTest(kWeb, "deny /x r,");
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  const std::string ours = Inspect(kWeb).hash;
  AppArmorParser parser{FindAppArmorParser(), "", kernel_.directory() + "/features"};
  ASSERT_EQ(kernel_.Replace(parser.Compile(TextForTest(kWeb, ""), false).value()),
            absl::OkStatus());
  EXPECT_EQ(Inspect(kWeb).origin, Origin::kTampered);
  EXPECT_EQ(Inspect(kWeb).problem,
            absl::StrCat("somebody replaced \"varmor-ns-web\": the kernel's hash is ",
                         Inspect(kWeb).hash, ", not ", ours));
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  EXPECT_EQ(Inspect(kWeb).hash, ours);
}

TEST_F(AppArmorEnforcerTest, ARemovalBySomebodyElseIsNoticedAndUndone) {
  const AppArmorArtifact artifact = ArtifactWithChild(kWeb, "/bin/sh", "child_0", "");
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  ASSERT_EQ(kernel_.RemoveProfile("varmor-ns-web//child_0"), absl::OkStatus());
  EXPECT_TRUE(Inspect(kWeb).loaded);
  EXPECT_EQ(Inspect(kWeb).problem, "somebody removed \"varmor-ns-web//child_0\"");
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  ASSERT_EQ(kernel_.RemoveProfile(kWeb), absl::OkStatus());
  EXPECT_EQ(Inspect(kWeb).problem, "somebody removed \"varmor-ns-web\"");
  EXPECT_EQ(Inspect(kWeb).origin, Origin::kTampered);
  ASSERT_EQ(Apply(artifact), absl::OkStatus());
  EXPECT_EQ(kernel_.Loaded(), (Names{kWeb, "varmor-ns-web//child_0"}));
}

TEST_F(AppArmorEnforcerTest, AChildAddedBySomebodyElseIsNoticed) {
  ASSERT_EQ(Apply(ArtifactForTest(kWeb, "")), absl::OkStatus());
  AppArmorParser parser{FindAppArmorParser(), "", kernel_.directory() + "/features"};
  const AppArmorArtifact other = ArtifactWithChild("varmor-x", "/bin/sh", "evil", "");
  const std::string text = absl::StrCat("profile ", kWeb, "//evil {}\n");
  ASSERT_EQ(kernel_.Replace(parser.Compile(text, false).value()), absl::OkStatus());
  EXPECT_EQ(Inspect(kWeb).origin, Origin::kTampered);
  EXPECT_EQ(Inspect(kWeb).problem, "somebody added \"varmor-ns-web//evil\"");
}

// ---- Children of former profiles.

TEST_F(AppArmorEnforcerTest, ChildrenThatTheNewProfileLacksAreTakenOut) {
  ASSERT_EQ(Apply(ArtifactWithChild(kWeb, "/bin/sh", "child_0", "")), absl::OkStatus());
  EXPECT_EQ(Inspect(kWeb).children, Names{"varmor-ns-web//child_0"});
  ASSERT_EQ(Apply(ArtifactForTest(kWeb, "")), absl::OkStatus());
  EXPECT_EQ(kernel_.Loaded(), Names{kWeb});
}

TEST_F(AppArmorEnforcerTest, AChildThatConfinesSomebodyStaysUntilNobodyIsLeft) {
  ASSERT_EQ(Apply(ArtifactWithChild(kWeb, "/bin/sh", "child_0", "")), absl::OkStatus());
  kernel_.AddProcess(7, "sh", "varmor-ns-web//child_0 (enforce)");
  const AppArmorArtifact childless = ArtifactForTest(kWeb, "");
  ASSERT_EQ(Apply(childless), absl::OkStatus());
  EXPECT_EQ(Inspect(kWeb).stale_children, Names{"varmor-ns-web//child_0"});
  EXPECT_EQ(Inspect(kWeb).origin, Origin::kAsLoaded) << Inspect(kWeb).problem;
  kernel_.RemoveProcess(7);
  ASSERT_EQ(Apply(childless), absl::OkStatus());
  EXPECT_EQ(kernel_.Loaded(), Names{kWeb});
  EXPECT_EQ(kernel_.replaced, 2);
}

// ---- Many.

TEST_F(AppArmorEnforcerTest, ManyProfilesAreAppliedAtOnceAndErrorsStayApart) {
  std::vector<AppArmorArtifact> artifacts;
  for (int i = 0; i < 20; ++i) {
    artifacts.push_back(ArtifactForTest(absl::StrCat("varmor-", i), i == 13 ? "deny /x q," : ""));
  }
  artifacts.push_back(ArtifactForTest("varmor-0", "deny /x r,"));
  std::vector<ArtifactSet> sets;
  for (const AppArmorArtifact& artifact : artifacts) sets.push_back(SetOf(artifact));
  options_.threads = 4;
  Restart();
  const std::vector<absl::Status> results = enforcer_->ApplyAll(sets);
  ASSERT_EQ(results.size(), 21u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(results[i].ok(), i != 13) << results[i];
  EXPECT_EQ(results[20], absl::InvalidArgumentError(
                             "AppArmor profile \"varmor-0\": it is there twice; the first counts"));
  EXPECT_EQ(kernel_.Loaded().size(), 19u);
  EXPECT_EQ(enforcer_->ApplyAll({}).size(), 0u);
}

TEST_F(AppArmorEnforcerTest, EnforcersOfSeveralThreadsShareAState) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      AppArmorEnforcer enforcer(options_, kernel_, files_);
      EXPECT_EQ(enforcer.Apply(SetOf(ArtifactForTest(kWeb, absl::StrCat("deny /", i, " r,")))),
                absl::OkStatus());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Inspect(kWeb).origin, Origin::kAsLoaded) << Inspect(kWeb).problem;
}

TEST_F(AppArmorEnforcerTest, PoliciesThatNobodyUsesDoNotPileUp) {
  for (int i = 0; i < 70; ++i) {
    ASSERT_EQ(Apply(Small(absl::StrCat("deny /", i, " r,"))), absl::OkStatus());
  }
  int policies = 0;
  for (const std::string& file : directory_.Files()) policies += absl::EndsWith(file, ".policy");
  EXPECT_EQ(policies, 65);  // the one in force, and 64 to go back to
  Compiled();
  ASSERT_EQ(Apply(Small("deny /60 r,")), absl::OkStatus());
  EXPECT_EQ(Compiled(), 0);
}

// ---- Remove.

TEST_F(AppArmorEnforcerTest, WhereThereIsNoAppArmorNothingIsLoaded) {
  PutFile(directory_ / "kernel/module/parameters/enabled", "N\n");
  const absl::Status none = absl::NotFoundError(
      "AppArmor profile \"varmor-ns-web\": it is not loaded: AppArmor is not there");
  EXPECT_EQ(enforcer_->Remove(kWeb), none);
  std::filesystem::remove_all(directory_ / "kernel/module");
  EXPECT_EQ(enforcer_->Remove(kWeb), none);
}

TEST_F(AppArmorEnforcerTest, WhereAppArmorCannotBeAskedNobodySaysThatNothingIsLoaded) {
  std::filesystem::remove_all(directory_ / "kernel/security/apparmor");
  EXPECT_EQ(enforcer_->Remove(kWeb).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(AppArmorEnforcerTest, RemoveTakesOutAProfileAndItsChildren) {
  ASSERT_EQ(Apply(ArtifactWithChild(kWeb, "/bin/sh", "child_0", "")), absl::OkStatus());
  EXPECT_EQ(enforcer_->Remove(kWeb), absl::OkStatus());
  EXPECT_EQ(kernel_.Loaded(), Names());
  EXPECT_EQ(enforcer_->Profiles().value(), Names());
  EXPECT_EQ(enforcer_->Remove(kWeb),
            absl::NotFoundError("AppArmor profile \"varmor-ns-web\": it is not loaded"));
}

TEST_F(AppArmorEnforcerTest, RemoveRefusesWhatIsNotOurs) {
  AppArmorParser parser{FindAppArmorParser(), "", kernel_.directory() + "/features"};
  for (const char* name : {"sshd", kWeb}) {
    const std::string text = absl::StrCat("profile ", name, " {}\n");
    ASSERT_EQ(kernel_.Replace(parser.Compile(text, false).value()), absl::OkStatus());
  }
  EXPECT_EQ(enforcer_->Remove("sshd"),
            absl::FailedPreconditionError("not ours: \"sshd\" is no name of a profile: they begin "
                                          "with \"varmor-\", are made of [A-Za-z0-9._-] and have "
                                          "at most 200 bytes"));
  const absl::Status refused = absl::FailedPreconditionError(
      "AppArmor profile \"varmor-ns-web\": we did not load it, so it stays; apply it to take it "
      "over");
  EXPECT_EQ(enforcer_->Remove(kWeb), refused);
  EXPECT_EQ(kernel_.Loaded(), (Names{"sshd", kWeb}));
  // A record of another boot is no record.
  ASSERT_EQ(Apply(ArtifactForTest(kWeb, "")), absl::OkStatus());
  kernel_.Reboot();
  const std::string text = absl::StrCat("profile ", kWeb, " {}\n");
  ASSERT_EQ(kernel_.Replace(parser.Compile(text, false).value()), absl::OkStatus());
  EXPECT_EQ(enforcer_->Remove(kWeb), refused);
}

TEST_F(AppArmorEnforcerTest, RemoveRefusesWhileSomebodyIsConfined) {
  ASSERT_EQ(Apply(ArtifactForTest(kWeb, "")), absl::OkStatus());
  kernel_.AddProcess(1, "init", "unconfined");
  kernel_.AddProcess(2, "other", "varmor-ns-web2 (enforce)");
  for (const auto& [label, exec] : std::vector<std::pair<std::string, std::string>>{
           {"varmor-ns-web (enforce)", ""},
           {"varmor-ns-web//child_0 (complain)", ""},
           {"docker-default//&varmor-ns-web (enforce)", ""},
           {"unconfined", "varmor-ns-web (enforce)"}}) {
    kernel_.AddProcess(9, "nginx", label, exec);
    EXPECT_EQ(enforcer_->Remove(kWeb),
              absl::FailedPreconditionError(
                  "AppArmor profile \"varmor-ns-web\": it confines processes: 9 (nginx)"))
        << label;
  }
  for (int pid = 10; pid < 15; ++pid) kernel_.AddProcess(pid, "sh", "varmor-ns-web (enforce)");
  kernel_.RemoveProcess(9);
  EXPECT_EQ(enforcer_->Remove(kWeb),
            absl::FailedPreconditionError("AppArmor profile \"varmor-ns-web\": it confines "
                                          "processes: 10 (sh), 11 (sh), 12 (sh) and 2 more"));
  for (int pid = 10; pid < 15; ++pid) kernel_.RemoveProcess(pid);
  EXPECT_EQ(enforcer_->Remove(kWeb), absl::OkStatus());
}

TEST_F(AppArmorEnforcerTest, ADamagedRecordIsNoRecord) {
  ASSERT_EQ(Apply(ArtifactForTest(kWeb, "")), absl::OkStatus());
  PutFile(options_.state_directory + "/records/varmor-ns-web.textproto", "garbage");
  EXPECT_EQ(Inspect(kWeb).origin, Origin::kUnknown);
  EXPECT_EQ(enforcer_->Remove(kWeb).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_EQ(Apply(ArtifactForTest(kWeb, "")), absl::OkStatus());
  EXPECT_EQ(Inspect(kWeb).origin, Origin::kAsLoaded);
}

}  // namespace
}  // namespace varmor
