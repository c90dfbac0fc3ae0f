// The AppArmor enforcer against a real kernel. Needs AppArmor and root, and fails without; so it
// runs in a guest: tools/vm/run apparmor.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "lib/compiler/artifacts_of.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"
#include "lib/enforcers/apparmor/app_armor_enforcer.h"
#include "lib/enforcers/apparmor/change_on_exec.h"
#include "lib/enforcers/apparmor/testing/artifact_for_test.h"
#include "lib/enforcers/files.h"
#include "lib/enforcers/run_program.h"

namespace varmor {
namespace {

constexpr char kKernel[] = "/sys/kernel/security/apparmor";
constexpr int kNoProfile = 200;

// Beside this program.
std::string Opener() {
  char path[4096] = {};
  EXPECT_NE(readlink("/proc/self/exe", path, sizeof path - 1), -1);
  const std::string self = path;
  return self.substr(0, self.rfind('/')) + "/opener";
}

// ---- Confined processes. A small program: under emulation a large one takes long to start.

void WaitFor(const std::string& path) {
  while (access(path.c_str(), F_OK) != 0) usleep(20000);
}

// Starts `opener` under a profile, "" for none.
pid_t Start(const std::string& profile, const std::vector<std::string>& words) {
  std::vector<std::string> arguments = {Opener()};
  arguments.insert(arguments.end(), words.begin(), words.end());
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  if (!profile.empty()) {
    const absl::Status status = ChangeOnExec(profile);
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.ToString().c_str());
      _exit(kNoProfile);
    }
  }
  execv(pointers[0], pointers.data());
  _exit(errno);
}

int ExitOf(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// What opening a file leads to under a profile: 0 or an errno.
int Open(const std::string& profile, const std::string& path) {
  return ExitOf(Start(profile, {"open", path}));
}

// ---- The test.

class CountingHost : public AppArmorHost {
 public:
  absl::Status Replace(absl::string_view policy) override {
    ++replaced;
    return AppArmorHost::Replace(policy);
  }
  int replaced = 0;
};

class AppArmorVmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/apparmor.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    options_.state_directory = directory_ + "/state";
    secret_ = directory_ + "/secret";
    public_ = directory_ + "/public";
    std::ofstream(secret_) << "secret\n";
    std::ofstream(public_) << "public\n";
    enforcer_ = std::make_unique<AppArmorEnforcer>(options_, host_, files_);
    const EnforcerSupport support = enforcer_->Probe();
    ASSERT_TRUE(support.available) << support.problem << "; " << support.fix;
  }

  void TearDown() override {
    for (const std::string& profile : Loaded()) {
      if (!absl::StrContains(profile, "//")) host_.RemoveProfile(profile).IgnoreError();
    }
  }

  // The names of all profiles in the kernel.
  std::set<std::string> Loaded() {
    std::set<std::string> names;
    std::ifstream file(absl::StrCat(kKernel, "/profiles"));
    for (std::string line; std::getline(file, line);) names.insert(line.substr(0, line.find(" (")));
    return names;
  }

  // Loads a text as somebody else would.
  void LoadByHand(const std::string& text) {
    ProgramRun run;
    run.words = {"/sbin/apparmor_parser", "--replace", "--skip-cache"};
    run.input = text;
    const absl::StatusOr<ProgramResult> result = RunProgram(run);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_TRUE(result->ok()) << result->errors;
  }

  std::string Deny(const std::string& path) { return absl::StrCat("deny ", path, " r,"); }

  AppArmorState Inspect(const std::string& profile) {
    const absl::StatusOr<AppArmorState> state = enforcer_->Inspect(profile);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.value_or(AppArmorState());
  }

  std::string directory_;
  std::string secret_;
  std::string public_;
  AppArmorOptions options_;
  CountingHost host_;
  FileCalls files_;
  std::unique_ptr<AppArmorEnforcer> enforcer_;
};

TEST_F(AppArmorVmTest, ProbeNamesWhatThisKernelLacks) {
  const EnforcerSupport support = enforcer_->Probe();
  EXPECT_TRUE(support.available);
  EXPECT_EQ(support.problem, "");
  for (const std::string& limit : support.limits) std::printf("  limit: %s\n", limit.c_str());
}

// Whatever the kernel and the parser are: what is not enforced is among the limits, and only that.
TEST_F(AppArmorVmTest, AnOpenSocketIsALimitAndAClosedOneIsNone) {
  const std::string path = directory_ + "/socket";
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 8), 0);
  const auto connects = [&](const std::string& profile) {
    return ExitOf(Start(profile, {"connect", path}));
  };
  ASSERT_EQ(connects(""), 0);
  const AppArmorArtifact artifact =
      ArtifactForTest("varmor-vm-socket", absl::StrCat("deny ", path, " rw,"));
  ASSERT_EQ(enforcer_->Apply(SetOf(artifact)), absl::OkStatus());
  EXPECT_EQ(Open("varmor-vm-socket", path), EACCES);
  const int connected = connects("varmor-vm-socket");
  int limits = 0;
  for (const std::string& limit : enforcer_->Probe().limits) {
    limits += absl::StartsWith(limit, "names of Unix sockets");
  }
  EXPECT_EQ(limits, connected == 0 ? 1 : 0) << "connecting: " << connected;
  close(listener);
}

TEST_F(AppArmorVmTest, AProfileDeniesWhatItSays) {
  ASSERT_EQ(Open("", secret_), 0);
  const AppArmorArtifact artifact = ArtifactForTest("varmor-vm-deny", Deny(secret_));
  ASSERT_EQ(enforcer_->Apply(SetOf(artifact)), absl::OkStatus());
  EXPECT_EQ(Open("varmor-vm-deny", secret_), EACCES);
  EXPECT_EQ(Open("varmor-vm-deny", public_), 0);
  EXPECT_EQ(Open("", secret_), 0);

  const AppArmorState state = Inspect("varmor-vm-deny");
  EXPECT_TRUE(state.loaded);
  EXPECT_EQ(state.mode, "enforce");
  EXPECT_NE(state.hash, "");
  EXPECT_EQ(state.origin, AppArmorState::Origin::kAsLoaded) << state.problem;
  std::printf("  hash: %s\n", state.hash.c_str());
  EXPECT_EQ(enforcer_->Profiles().value(), std::vector<std::string>{"varmor-vm-deny"});
}

TEST_F(AppArmorVmTest, StartingUnderAMissingProfileIsRefused) {
  const absl::Status status = ChangeOnExec("varmor-vm-missing");
  EXPECT_EQ(status, absl::NotFoundError("cannot start programs under the AppArmor profile "
                                        "\"varmor-vm-missing\": No such file or directory"));
  EXPECT_EQ(CurrentConfinement().value(), "unconfined");
}

TEST_F(AppArmorVmTest, TheSameArtifactAgainLoadsNothing) {
  const AppArmorArtifact artifact = ArtifactForTest("varmor-vm-same", Deny(secret_));
  ASSERT_EQ(enforcer_->Apply(SetOf(artifact)), absl::OkStatus());
  ASSERT_EQ(host_.replaced, 1);
  ASSERT_EQ(enforcer_->Apply(SetOf(artifact)), absl::OkStatus());
  AppArmorEnforcer other(options_, host_, files_);
  ASSERT_EQ(other.Apply(SetOf(artifact)), absl::OkStatus());
  EXPECT_EQ(host_.replaced, 1);
  // Another text with the same meaning.
  const AppArmorArtifact comment =
      ArtifactForTest("varmor-vm-same", "# a comment\n  " + Deny(secret_));
  ASSERT_EQ(enforcer_->Apply(SetOf(comment)), absl::OkStatus());
  EXPECT_EQ(host_.replaced, 1);
}

TEST_F(AppArmorVmTest, ReplacingChangesWhatARunningProcessMay) {
  ASSERT_EQ(enforcer_->Apply(SetOf(ArtifactForTest("varmor-vm-live", Deny(public_)))),
            absl::OkStatus());
  const std::string started = directory_ + "/started";
  const std::string go = directory_ + "/go";
  const pid_t pid = Start("varmor-vm-live", {"when", started, go, secret_});
  WaitFor(started);
  ASSERT_EQ(enforcer_->Apply(SetOf(ArtifactForTest("varmor-vm-live", Deny(secret_)))),
            absl::OkStatus());
  std::ofstream(go) << "go\n";
  EXPECT_EQ(ExitOf(pid), EACCES);
  EXPECT_EQ(Open("varmor-vm-live", public_), 0);
}

TEST_F(AppArmorVmTest, AReplacementBySomebodyElseIsNoticedAndUndone) {
  const AppArmorArtifact artifact = ArtifactForTest("varmor-vm-tamper", Deny(secret_));
  ASSERT_EQ(enforcer_->Apply(SetOf(artifact)), absl::OkStatus());
  const std::string loaded = Inspect("varmor-vm-tamper").hash;
  LoadByHand(TextForTest("varmor-vm-tamper", Deny(public_)));
  ASSERT_EQ(Open("varmor-vm-tamper", secret_), 0);

  const AppArmorState state = Inspect("varmor-vm-tamper");
  EXPECT_EQ(state.origin, AppArmorState::Origin::kTampered);
  EXPECT_EQ(state.problem, absl::StrCat("somebody replaced \"varmor-vm-tamper\": the kernel's hash "
                                        "is ",
                                        state.hash, ", not ", loaded));
  ASSERT_EQ(enforcer_->Apply(SetOf(artifact)), absl::OkStatus());
  EXPECT_EQ(Open("varmor-vm-tamper", secret_), EACCES);
  EXPECT_EQ(Inspect("varmor-vm-tamper").hash, loaded);
  EXPECT_EQ(Inspect("varmor-vm-tamper").origin, AppArmorState::Origin::kAsLoaded);
}

TEST_F(AppArmorVmTest, TheSameTextLoadedBySomebodyElseIsNoTampering) {
  const AppArmorArtifact artifact = ArtifactForTest("varmor-vm-twice", Deny(secret_));
  ASSERT_EQ(enforcer_->Apply(SetOf(artifact)), absl::OkStatus());
  LoadByHand(artifact.pieces(0).text());
  EXPECT_EQ(Inspect("varmor-vm-twice").origin, AppArmorState::Origin::kAsLoaded)
      << Inspect("varmor-vm-twice").problem;
}

TEST_F(AppArmorVmTest, AComplainingReplacementIsNoticed) {
  AppArmorArtifact artifact = ArtifactForTest("varmor-vm-mode", Deny(secret_));
  ASSERT_EQ(enforcer_->Apply(SetOf(artifact)), absl::OkStatus());
  std::string text = artifact.pieces(0).text();
  text.replace(text.find("mediate_deleted"), 15, "mediate_deleted,complain");
  LoadByHand(text);
  EXPECT_EQ(Inspect("varmor-vm-mode").mode, "complain");
  EXPECT_EQ(Inspect("varmor-vm-mode").origin, AppArmorState::Origin::kTampered);
}

TEST_F(AppArmorVmTest, ARemovalBySomebodyElseIsNoticedAndUndone) {
  const AppArmorArtifact artifact = ArtifactForTest("varmor-vm-gone", Deny(secret_));
  ASSERT_EQ(enforcer_->Apply(SetOf(artifact)), absl::OkStatus());
  ASSERT_EQ(host_.RemoveProfile("varmor-vm-gone"), absl::OkStatus());
  EXPECT_FALSE(Inspect("varmor-vm-gone").loaded);
  EXPECT_EQ(Inspect("varmor-vm-gone").origin, AppArmorState::Origin::kTampered);
  EXPECT_EQ(Inspect("varmor-vm-gone").problem, "somebody removed \"varmor-vm-gone\"");
  ASSERT_EQ(enforcer_->Apply(SetOf(artifact)), absl::OkStatus());
  EXPECT_EQ(Open("varmor-vm-gone", secret_), EACCES);
}

TEST_F(AppArmorVmTest, RemoveTakesOutAProfileAndItsChildren) {
  ASSERT_EQ(enforcer_->Apply(
                SetOf(ArtifactWithChild("varmor-vm-remove", "/bin/sh", "child_0", Deny(secret_)))),
            absl::OkStatus());
  ASSERT_EQ(Loaded().count("varmor-vm-remove//child_0"), 1);
  EXPECT_EQ(enforcer_->Remove("varmor-vm-remove"), absl::OkStatus());
  EXPECT_EQ(Loaded().count("varmor-vm-remove"), 0);
  EXPECT_EQ(Loaded().count("varmor-vm-remove//child_0"), 0);
  EXPECT_EQ(enforcer_->Remove("varmor-vm-remove"),
            absl::NotFoundError("AppArmor profile \"varmor-vm-remove\": it is not loaded"));
}

TEST_F(AppArmorVmTest, AProfileInUseIsNotRemoved) {
  ASSERT_EQ(enforcer_->Apply(SetOf(ArtifactForTest("varmor-vm-used", Deny(secret_)))),
            absl::OkStatus());
  const std::string started = directory_ + "/started";
  const std::string go = directory_ + "/go";
  const pid_t pid = Start("varmor-vm-used", {"when", started, go, secret_});
  WaitFor(started);
  EXPECT_EQ(enforcer_->Remove("varmor-vm-used"),
            absl::FailedPreconditionError(absl::StrCat(
                "AppArmor profile \"varmor-vm-used\": it confines processes: ", pid, " (opener)")));
  std::ofstream(go) << "go\n";
  EXPECT_EQ(ExitOf(pid), EACCES);
  EXPECT_EQ(enforcer_->Remove("varmor-vm-used"), absl::OkStatus());
}

TEST_F(AppArmorVmTest, AProfileThatAProcessIsAboutToEnterIsNotRemoved) {
  ASSERT_EQ(enforcer_->Apply(SetOf(ArtifactForTest("varmor-vm-exec", Deny(secret_)))),
            absl::OkStatus());
  ASSERT_EQ(ChangeOnExec("varmor-vm-exec"), absl::OkStatus());
  EXPECT_EQ(enforcer_->Remove("varmor-vm-exec").code(), absl::StatusCode::kFailedPrecondition);
  // An empty name takes it back.
  std::ofstream("/proc/thread-self/attr/exec") << "exec unconfined";
  EXPECT_EQ(enforcer_->Remove("varmor-vm-exec"), absl::OkStatus());
}

TEST_F(AppArmorVmTest, ProfilesOfOthersAreLeftAlone) {
  LoadByHand(TextForTest("somebody-else", Deny(secret_)));
  LoadByHand(TextForTest("varmor-vm-foreign", Deny(secret_)));
  EXPECT_EQ(enforcer_->Remove("somebody-else").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(enforcer_->Remove("varmor-vm-foreign"),
            absl::FailedPreconditionError("AppArmor profile \"varmor-vm-foreign\": we did not load "
                                          "it, so it stays; apply it to take it over"));
  ASSERT_EQ(enforcer_->Apply(SetOf(ArtifactForTest("varmor-vm-ours", Deny(secret_)))),
            absl::OkStatus());
  ASSERT_EQ(enforcer_->Remove("varmor-vm-ours"), absl::OkStatus());
  EXPECT_EQ(Loaded(), (std::set<std::string>{"somebody-else", "varmor-vm-foreign"}));
  EXPECT_EQ(Inspect("varmor-vm-foreign").origin, AppArmorState::Origin::kUnknown);
  // A text that would bring another profile along.
  EXPECT_EQ(enforcer_->Apply(SetOf(ArtifactOfText(
                "varmor-vm-two", TextForTest("varmor-vm-two", "") + "profile somebody-else {}\n"))),
            absl::InvalidArgumentError("AppArmor profile \"varmor-vm-two\": its text declares the "
                                       "profile \"somebody-else\", which is another one"));
}

TEST_F(AppArmorVmTest, AComplainingProfileLetsThingsHappen) {
  AppArmorArtifact artifact = ArtifactOfText(
      "varmor-vm-complain",
      "abi <abi/3.0>,\ninclude <tunables/global>\nprofile varmor-vm-complain {\n}\n");
  artifact.set_complain(true);
  ASSERT_EQ(enforcer_->Apply(SetOf(artifact)), absl::OkStatus());
  EXPECT_EQ(Open("varmor-vm-complain", secret_), 0);
  EXPECT_EQ(Inspect("varmor-vm-complain").mode, "complain");
  // The kernel has made profiles for what was run under it by now.
  EXPECT_EQ(Inspect("varmor-vm-complain").origin, AppArmorState::Origin::kAsLoaded)
      << Inspect("varmor-vm-complain").problem;
  artifact.set_complain(false);
  ASSERT_EQ(enforcer_->Apply(SetOf(artifact)), absl::OkStatus());
  EXPECT_EQ(Inspect("varmor-vm-complain").mode, "enforce");
  EXPECT_NE(Open("varmor-vm-complain", secret_), 0);  // not even its libraries
}

TEST_F(AppArmorVmTest, ABadTextLeavesTheOldProfileInForce) {
  const AppArmorArtifact good = ArtifactForTest("varmor-vm-bad", Deny(secret_));
  ASSERT_EQ(enforcer_->Apply(SetOf(good)), absl::OkStatus());
  const absl::Status status =
      enforcer_->Apply(SetOf(ArtifactForTest("varmor-vm-bad", "deny /x q,")));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  std::printf("  %s\n", std::string(status.message()).c_str());
  EXPECT_EQ(Open("varmor-vm-bad", secret_), EACCES);
  EXPECT_EQ(Inspect("varmor-vm-bad").origin, AppArmorState::Origin::kAsLoaded);
}

TEST_F(AppArmorVmTest, WhatTheKernelRefusesLeavesTheOldProfileInForce) {
  ASSERT_EQ(enforcer_->Apply(SetOf(ArtifactForTest("varmor-vm-kernel", Deny(secret_)))),
            absl::OkStatus());
  const AppArmorHost host;
  class DamagingHost : public AppArmorHost {
   public:
    absl::Status Replace(absl::string_view policy) override {
      return AppArmorHost::Replace(policy.substr(0, policy.size() / 2));
    }
  } damaging;
  AppArmorEnforcer enforcer(options_, damaging, files_);
  const absl::Status status =
      enforcer.Apply(SetOf(ArtifactForTest("varmor-vm-kernel", Deny(public_))));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  std::printf("  %s\n", std::string(status.message()).c_str());
  EXPECT_EQ(Open("varmor-vm-kernel", secret_), EACCES);
  EXPECT_EQ(Inspect("varmor-vm-kernel").origin, AppArmorState::Origin::kAsLoaded);
}

// The kernel keeps what a profile was loaded with: that is put back.
TEST_F(AppArmorVmTest, AFormerProfileOfSomebodyElseIsPutBack) {
  LoadByHand(TextForTest("varmor-vm-back", Deny(secret_)));
  // Loads, but in the wrong mode.
  class MeddlingHost : public AppArmorHost {
   public:
    absl::Status Replace(absl::string_view policy) override {
      return AppArmorHost::Replace(meddled++ == 0 ? absl::string_view(other) : policy);
    }
    std::string other;
    int meddled = 0;
  } meddling;
  AppArmorArtifact complaining = ArtifactForTest("varmor-vm-back", Deny(public_));
  complaining.set_complain(true);
  ProgramRun run;
  run.words = {"/sbin/apparmor_parser", "--skip-kernel-load", "--skip-cache", "--stdout", "-C"};
  const std::string text = complaining.pieces(0).text();
  run.input = text;
  meddling.other = RunProgram(run)->output;
  AppArmorEnforcer enforcer(options_, meddling, files_);
  complaining.set_complain(false);
  EXPECT_EQ(enforcer.Apply(SetOf(complaining)),
            absl::FailedPreconditionError(
                "AppArmor profile \"varmor-vm-back\": the kernel holds \"varmor-vm-back\" in mode "
                "complain, not enforce"));
  EXPECT_EQ(meddling.meddled, 2);
  EXPECT_EQ(Open("varmor-vm-back", secret_), EACCES);
  EXPECT_EQ(Open("varmor-vm-back", public_), 0);
}

TEST_F(AppArmorVmTest, ChildrenConfineTheirTargets) {
  const std::string target = directory_ + "/target";
  ASSERT_TRUE(RunProgram({{"/bin/cp", Opener(), target}, "", std::chrono::seconds(60)})->ok());
  ASSERT_EQ(enforcer_->Apply(
                SetOf(ArtifactWithChild("varmor-vm-child", target, "child_0", Deny(secret_)))),
            absl::OkStatus());
  const AppArmorState state = Inspect("varmor-vm-child");
  EXPECT_EQ(state.children, std::vector<std::string>{"varmor-vm-child//child_0"});
  EXPECT_EQ(state.origin, AppArmorState::Origin::kAsLoaded) << state.problem;
  EXPECT_EQ(Open("varmor-vm-child", secret_), 0);

  // In the child; and a child in use stays when the new profile has none.
  const std::string started = directory_ + "/started";
  const std::string go = directory_ + "/go";
  const pid_t pid = fork();
  if (pid == 0) {
    const std::string script =
        absl::StrCat("exec ", target, " when ", started, " ", go, " ", secret_);
    ChangeOnExec("varmor-vm-child").IgnoreError();
    execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
    _exit(255);
  }
  WaitFor(started);
  const AppArmorArtifact childless = ArtifactForTest("varmor-vm-child", "");
  ASSERT_EQ(enforcer_->Apply(SetOf(childless)), absl::OkStatus());
  EXPECT_EQ(Inspect("varmor-vm-child").stale_children,
            std::vector<std::string>{"varmor-vm-child//child_0"});
  EXPECT_EQ(Inspect("varmor-vm-child").origin, AppArmorState::Origin::kAsLoaded)
      << Inspect("varmor-vm-child").problem;
  std::ofstream(go) << "go\n";
  EXPECT_EQ(ExitOf(pid), EACCES);

  ASSERT_EQ(enforcer_->Apply(SetOf(childless)), absl::OkStatus());
  EXPECT_EQ(Inspect("varmor-vm-child").stale_children, std::vector<std::string>());
  EXPECT_EQ(Loaded(), std::set<std::string>{"varmor-vm-child"});
}

TEST_F(AppArmorVmTest, TwelveProfilesInParallel) {
  std::vector<AppArmorArtifact> artifacts;
  for (int i = 0; i < 12; ++i) {
    artifacts.push_back(
        ArtifactForTest(absl::StrCat("varmor-vm-many-", i), Deny(i % 2 == 0 ? secret_ : public_)));
  }
  std::vector<ArtifactSet> sets;
  for (const AppArmorArtifact& artifact : artifacts) sets.push_back(SetOf(artifact));
  options_.threads = 4;
  AppArmorEnforcer enforcer(options_, host_, files_);
  for (const absl::Status& status : enforcer.ApplyAll(sets)) EXPECT_EQ(status, absl::OkStatus());
  for (int i = 0; i < 12; ++i) {
    const std::string name = absl::StrCat("varmor-vm-many-", i);
    EXPECT_EQ(Open(name, secret_), i % 2 == 0 ? EACCES : 0) << name;
    EXPECT_EQ(Open(name, public_), i % 2 == 0 ? 0 : EACCES) << name;
  }
  EXPECT_EQ(host_.replaced, 12);
  for (const absl::Status& status : enforcer.ApplyAll(sets)) EXPECT_EQ(status, absl::OkStatus());
  EXPECT_EQ(host_.replaced, 12);
}

TEST_F(AppArmorVmTest, ACompiledPolicyIsEnforced) {
  const LoadResult loaded = LoadPolicies(
      {{"policy.yaml",
        "apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\n"
        "metadata: {name: vm, namespace: ns}\nspec:\n"
        "  target: {kind: Pod, name: t}\n  policy:\n    enforcer: AppArmor\n"
        "    mode: EnhanceProtect\n    enhanceProtect:\n"
        "      hardeningRules: [disallow-write-core-pattern]\n"
        "      attackProtectionRules: [{rules: [mitigate-disk-device-number-leak]}]\n"}},
      LoadOptions());
  ASSERT_EQ(loaded.policies.size(), 1);
  const absl::StatusOr<CompileResult> result =
      Compile(loaded.policies[0], CompileOptions(), BuiltinCatalogue());
  ASSERT_TRUE(result.ok() && result->app_armor.has_value());
  ASSERT_EQ(enforcer_->Apply(ArtifactsOf(*result)), absl::OkStatus());
  EXPECT_EQ(Inspect("varmor-ns-vm").origin, AppArmorState::Origin::kAsLoaded);
  EXPECT_EQ(Open("varmor-ns-vm", "/proc/partitions"), EACCES);
  EXPECT_EQ(Open("varmor-ns-vm", public_), 0);
}

}  // namespace
}  // namespace varmor

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  const ::testing::UnitTest& unit = *::testing::UnitTest::GetInstance();
  std::printf("%d passed, %d failed\n", unit.successful_test_count(), unit.failed_test_count());
  return result;
}
