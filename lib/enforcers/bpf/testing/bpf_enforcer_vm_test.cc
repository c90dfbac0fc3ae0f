// The enforcer in a kernel with BPF LSM: programs deny, go on when their loader is killed, and
// never stop while profiles or programs are replaced. Runs in a guest (tools/vm/run bpf), as root.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "lib/enforcers/bpf/bpf_events.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "lib/enforcers/bpf/embedded_programs.h"
#include "lib/enforcers/bpf/testing/confined_child.h"
#include "lib/enforcers/bpf/testing/test_profiles.h"

namespace varmor {
namespace {

using testing::Contains;
using testing::ElementsAre;

// Issue 4: all programs together, on the kernel of the README's test command.
constexpr uint64_t kMostVerified = 300000;

ArtifactSet Only(const BpfArtifact& artifact) {
  ArtifactSet set;
  set.bpf = &artifact;
  return set;
}

class BpfEnforcerVmTest : public testing::Test {
 protected:
  void SetUp() override {
    enforcer_ = std::make_unique<BpfEnforcer>(BpfEnforcerOptions());
    cgroup_ = absl::StrCat(FindCgroupMount().value(), "/vmtest");
    ASSERT_TRUE(MakeCgroup(cgroup_).ok());
    mkdir("/tmp/vmtest", 0755);
    std::ofstream("/tmp/vmtest/secret") << "secret\n";
    std::ofstream("/tmp/vmtest/public") << "public\n";
    unlink("/tmp/vmtest/stop");
  }

  static void TearDownTestSuite() {
    EXPECT_TRUE(BpfEnforcer(BpfEnforcerOptions()).Uninstall().ok());
  }

  // The programs stay for the next test, which adopts them: loading and detaching take seconds.
  void TearDown() override {
    for (int i = 0; i < 100 && !RemoveCgroup(cgroup_).ok(); ++i) usleep(20000);
    BpfEnforcer enforcer{BpfEnforcerOptions()};
    if (!enforcer.Adopt().ok()) return;
    const auto subjects = enforcer.Subjects();
    ASSERT_TRUE(subjects.ok()) << subjects.status();
    for (const BpfSubject& subject : *subjects) EXPECT_TRUE(enforcer.Withdraw(subject.cgroup).ok());
    const auto profiles = enforcer.Profiles();
    ASSERT_TRUE(profiles.ok()) << profiles.status();
    for (const BpfProfileState& profile : *profiles) {
      const absl::Status status = enforcer.Remove(profile.name);
      EXPECT_TRUE(status.ok()) << status;
    }
    // What nobody read is no event of the next test.
    auto reader = BpfEventReader::Open(enforcer, [](const BpfViolation&) {});
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_TRUE(reader->Poll(0).ok());
  }

  void Start(BpfEnforcerOptions options = {}) {
    enforcer_ = std::make_unique<BpfEnforcer>(options);
    const auto begin = std::chrono::steady_clock::now();
    const absl::StatusOr<BpfStartReport> report = enforcer_->Start();
    ASSERT_TRUE(report.ok()) << report.status();
    report_ = *report;
    std::cout << "start: " << report_.version << ", " << report_.variant
              << (report_.adopted ? ", adopted" : ", loaded") << " in "
              << std::chrono::duration_cast<std::chrono::milliseconds>(
                     std::chrono::steady_clock::now() - begin)
                     .count()
              << " ms\n";
    for (const std::string& limit : report_.limits) std::cout << "limit: " << limit << "\n";
    for (const std::string& warning : report_.warnings) std::cout << "warning: " << warning << "\n";
  }

  void Confine(const std::string& profile) {
    BpfSubject subject;
    subject.cgroup = CgroupIdOfPath(cgroup_).value();
    subject.profile = profile;
    const absl::Status status = enforcer_->Enroll(subject);
    ASSERT_TRUE(status.ok()) << status;
  }

  // 0: it could be read.
  int Read(const std::string& path) { return RunInCgroup(cgroup_, {"/bin/cat", path}); }

  std::unique_ptr<BpfEnforcer> enforcer_;
  BpfStartReport report_;
  std::string cgroup_;
};

TEST_F(BpfEnforcerVmTest, TheSelfTestPassesAndAllProgramsTogetherStayWithinTheirBudget) {
  const EnforcerSupport support = enforcer_->Probe();
  ASSERT_TRUE(support.available) << support.problem;
  ASSERT_NO_FATAL_FAILURE(Start());
  const absl::Status status = enforcer_->SelfTest();
  EXPECT_TRUE(status.ok()) << status;
  const auto facts = enforcer_->ProgramFacts();
  ASSERT_TRUE(facts.ok()) << facts.status();
  uint64_t verified = 0;
  for (const BpfProgramFacts& one : *facts) {
    std::cout << "program " << one.name << ": verified " << one.verified_instructions << ", "
              << one.translated_bytes << " bytes, " << one.machine_bytes << " in machine code\n";
    EXPECT_TRUE(one.attached) << one.name;
    verified += one.verified_instructions;
  }
  std::cout << "verified instructions of all programs: " << verified << "\n";
  // Other kernels' verifiers look at more states: docs/kernels.md.
  utsname kernel = {};
  uname(&kernel);
  if (absl::StartsWith(kernel.release, "6.1.")) {
    EXPECT_LE(verified, kMostVerified);
  }
  EXPECT_GE(facts->size(), 20u);
}

// Takes the verifier three minutes in a guest without KVM: --gtest_also_run_disabled_tests.
TEST_F(BpfEnforcerVmTest, DISABLED_BoundedLoopsPassTheSelfTestAsWell) {
  BpfEnforcerOptions options;
  options.variant = BpfEnforcerOptions::Variant::kBoundedLoops;
  ASSERT_NO_FATAL_FAILURE(Start(options));
  const absl::Status status = enforcer_->SelfTest();
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(BpfEnforcerVmTest, AProfileDeniesAndReportsUntilItsCgroupIsWithdrawn) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const BpfArtifact artifact = DenyReading("reads", {"/tmp/vmtest/secret"});
  ASSERT_TRUE(enforcer_->Apply(Only(artifact)).ok());
  EXPECT_EQ(Read("/tmp/vmtest/secret"), 0);
  Confine(artifact.name());
  std::vector<BpfViolation> seen;
  auto reader = BpfEventReader::Open(
      *enforcer_, [&](const BpfViolation& violation) { seen.push_back(violation); });
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_NE(Read("/tmp/vmtest/secret"), 0);
  EXPECT_EQ(Read("/tmp/vmtest/public"), 0);
  ASSERT_TRUE(reader->Poll(2000).ok());
  ASSERT_EQ(seen.size(), 1u);
  std::cout << BpfViolationText(seen[0]) << "\n" << BpfViolationJson(seen[0]) << "\n";
  EXPECT_EQ(seen[0].object, "/tmp/vmtest/secret");
  EXPECT_EQ(seen[0].profile, "varmor-ns-reads");
  ASSERT_GE(seen[0].rule, 0);
  ASSERT_TRUE(seen[0].origin.has_value());
  EXPECT_EQ(seen[0].origin->field(), "spec.policy.enhanceProtect.bpfRawRules.files[0]");
  EXPECT_EQ(seen[0].action, VARMOR_EVENT_DENIED);
  EXPECT_EQ(seen[0].subject, CgroupIdOfPath(cgroup_).value());
  EXPECT_EQ(seen[0].command, "cat");
  const auto hits = enforcer_->Hits(artifact.name());
  ASSERT_TRUE(hits.ok());
  EXPECT_EQ(hits->at(static_cast<size_t>(seen[0].rule)).hits, 1u);
  EXPECT_EQ(enforcer_->Remove(artifact.name()).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(enforcer_->Withdraw(CgroupIdOfPath(cgroup_).value()).ok());
  EXPECT_EQ(Read("/tmp/vmtest/secret"), 0);
  EXPECT_TRUE(enforcer_->Remove(artifact.name()).ok());
}

TEST_F(BpfEnforcerVmTest, AKilledLoaderLeavesTheProfileInForceAndTheNextTakesItOver) {
  const BpfArtifact artifact = DenyReading("killed", {"/tmp/vmtest/secret"});
  const pid_t loader = fork();
  if (loader == 0) {
    Start();
    if (!report_.version.empty() && !enforcer_->Apply(Only(artifact)).ok()) _exit(1);
    Confine(artifact.name());
    kill(getpid(), SIGKILL);
  }
  EXPECT_EQ(WaitForExit(loader), -1);
  EXPECT_NE(Read("/tmp/vmtest/secret"), 0);
  EXPECT_EQ(Read("/tmp/vmtest/public"), 0);
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_TRUE(report_.adopted);
  const auto profiles = enforcer_->Profiles();
  ASSERT_TRUE(profiles.ok()) << profiles.status();
  ASSERT_EQ(profiles->size(), 1u);
  EXPECT_EQ(profiles->front().name, "varmor-ns-killed");
  EXPECT_EQ(profiles->front().digest, artifact.digest());
  EXPECT_EQ(profiles->front().subjects, 1u);
  EXPECT_NE(Read("/tmp/vmtest/secret"), 0);
}

TEST_F(BpfEnforcerVmTest, AMissingProgramIsToldAndBroughtBack) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::string link =
      absl::StrCat("/sys/fs/bpf/varmor/", report_.version, "/links/file_mprotect");
  ASSERT_EQ(unlink(link.c_str()), 0);
  const auto adopted = BpfEnforcer(BpfEnforcerOptions()).Adopt();
  ASSERT_TRUE(adopted.ok()) << adopted.status();
  EXPECT_THAT(adopted->missing_programs, ElementsAre("file_mprotect"));
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_EQ(report_.warnings.size(), 1u);
  EXPECT_EQ(report_.warnings[0],
            absl::StrCat("version ", report_.superseded.front(),
                         " lacks programs that should be attached: file_mprotect; they are loaded "
                         "anew"));
  EXPECT_EQ(
      access(absl::StrCat("/sys/fs/bpf/varmor/", report_.version, "/links/file_mprotect").c_str(),
             F_OK),
      0);
}

// Processes that left the cgroup before it went away, each of which starts the next one and ends,
// so that none of them is there for long.
TEST_F(BpfEnforcerVmTest, WhoLeftACgroupIsInsideUntilTheLastOneEnds) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const BpfArtifact artifact = DenyReading("leaves", {"/tmp/vmtest/secret"});
  ASSERT_TRUE(enforcer_->Apply(Only(artifact)).ok());
  Confine(artifact.name());
  const uint64_t id = CgroupIdOfPath(cgroup_).value();
  for (const char* file : {"free", "ended"}) unlink(absl::StrCat("/tmp/vmtest/", file).c_str());
  std::ofstream("/tmp/vmtest/chain")
      << "if [ $1 = 0 ]; then cat /tmp/vmtest/secret && touch /tmp/vmtest/free; "
         "touch /tmp/vmtest/ended; exit; fi\n"
         "sh /tmp/vmtest/chain $(($1 - 1)) &\n";
  RunInCgroup(cgroup_, {"/bin/sh", "-c",
                        absl::StrCat("(echo 0 >", FindCgroupMount().value(),
                                     "/cgroup.procs; exec sh /tmp/vmtest/chain 200) "
                                     ">/dev/null 2>&1 &")});
  absl::Status removed;
  for (int i = 0; i < 100 && !(removed = RemoveCgroup(cgroup_)).ok(); ++i) usleep(20000);
  ASSERT_TRUE(removed.ok()) << removed;
  int looks = 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(5);
  while (access("/tmp/vmtest/ended", F_OK) != 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << "a process of the chain did not start";
    const auto inside = enforcer_->Inside();
    ASSERT_TRUE(inside.ok()) << inside.status();
    if (inside->count(id) > 0) {
      ++looks;
    } else {
      EXPECT_EQ(access("/tmp/vmtest/ended", F_OK), 0) << "after " << looks << " looks";
    }
  }
  std::cout << "looks while processes were inside: " << looks << "\n";
  EXPECT_GT(looks, 0);
  bool gone = false;
  for (int i = 0; i < 200 && !gone; ++i) {
    gone = enforcer_->Inside()->count(id) == 0;
    usleep(20000);
  }
  EXPECT_TRUE(gone);
  EXPECT_NE(access("/tmp/vmtest/free", F_OK), 0);
  ASSERT_TRUE(MakeCgroup(cgroup_).ok());
}

// escapes.c: each way works without a policy, and none with it.
class EscapeTest : public BpfEnforcerVmTest {
 protected:
  void Enforce(const std::vector<std::string>& rules, BpfEnforcerOptions options = {}) {
    ASSERT_NO_FATAL_FAILURE(Start(options));
    const BpfArtifact artifact = CompileProfile("escapes", rules);
    const absl::Status status = enforcer_->Apply(Only(artifact));
    ASSERT_TRUE(status.ok()) << status;
    Confine(artifact.name());
  }
  int Try(const std::vector<std::string>& way) {
    std::vector<std::string> words = {"escapes"};
    words.insert(words.end(), way.begin(), way.end());
    return RunInCgroup(cgroup_, words);
  }
};

constexpr char kSecretRule[] =
    "files: [{qualifiers: [deny], pattern: /tmp/vmtest/secret, permissions: [read]}]";

TEST_F(EscapeTest, ACopyOfTheWholeTreeIsABind) {
  ASSERT_EQ(Try({"copy"}), 1);
  ASSERT_NO_FATAL_FAILURE(Enforce(
      {kSecretRule,
       "mounts: [{qualifiers: [deny], sourcePattern: \"**\", fstype: \"*\", flags: [bind]}]"}));
  EXPECT_EQ(Try({"copy"}), 0);
}

TEST_F(EscapeTest, PivotRootMovesTheRoot) {
  ASSERT_EQ(Try({"pivot"}), 1);
  ASSERT_NO_FATAL_FAILURE(Enforce(
      {kSecretRule,
       "mounts: [{qualifiers: [deny], sourcePattern: \"**\", fstype: \"*\", flags: [move]}]"}));
  EXPECT_EQ(Try({"pivot"}), 0);
}

TEST_F(EscapeTest, ALinkInASourceIsRefusedAndOthersAreFollowed) {
  ASSERT_EQ(Try({"links"}), 1);
  ASSERT_NO_FATAL_FAILURE(Enforce(
      {kSecretRule,
       "mounts: [{qualifiers: [deny], sourcePattern: \"/tmp/vmtest**\", fstype: \"*\", flags: "
       "[bind, move]}]"}));
  std::vector<BpfViolation> seen;
  auto reader = BpfEventReader::Open(
      *enforcer_, [&](const BpfViolation& violation) { seen.push_back(violation); });
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(Try({"links"}), 0);
  ASSERT_TRUE(reader->Poll(2000).ok());
  const auto found = std::find_if(seen.begin(), seen.end(), [](const BpfViolation& violation) {
    return violation.object == "/tmp/escapes/link";
  });
  ASSERT_NE(found, seen.end());
  EXPECT_THAT(BpfViolationText(*found),
              testing::HasSubstr("DENIED bind /tmp/escapes/link on /: escapes"));
  EXPECT_THAT(BpfViolationText(*found),
              testing::EndsWith("its source leads through a symbolic link"));
  EXPECT_EQ(Try({"harmless"}), 0);
}

TEST_F(EscapeTest, ALinkInASourceIsFollowedWhereNoRuleIsAboutBinds) {
  ASSERT_NO_FATAL_FAILURE(Enforce(
      {"mounts: [{qualifiers: [deny], sourcePattern: \"/tmp/vmtest**\", fstype: \"*\", flags: "
       "[umount]}]"}));
  EXPECT_EQ(Try({"links"}), 1);
}

// In the mount namespace of its own that it has: with the pins' own, nothing would be left to test.
TEST_F(EscapeTest, ThePinsCannotBeTakenAway) {
  ASSERT_EQ(Try({"unpin"}), 1);
  ASSERT_NO_FATAL_FAILURE(Enforce({kSecretRule}));
  EXPECT_EQ(Try({"unpin"}), 0);
}

TEST_F(EscapeTest, ANameIsNeverAMixture) {
  mkdir("/tmp/vmtest/aaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0755);
  mkdir("/tmp/vmtest/aaaaaaaaaaaaaaaaaaaaaaaaaaaa/sub", 0755);
  std::ofstream("/tmp/vmtest/aaaaaaaaaaaaaaaaaaaaaaaaaaaa/sub/secret") << "secret\n";
  ASSERT_EQ(Try({"rename", "1"}), 1);
  ASSERT_NO_FATAL_FAILURE(
      Enforce({"files: [{qualifiers: [deny], pattern: /**/sub/secret, permissions: [read]}]"}));
  EXPECT_EQ(Try({"rename", "10"}), 0);
}

// With --preempt full, task storage of 6.1 does not always answer.
TEST_F(EscapeTest, NoChildIsUnknown) {
  ASSERT_EQ(Try({"forks", "1"}), 1);
  ASSERT_NO_FATAL_FAILURE(Enforce({kSecretRule}));
  EXPECT_EQ(Try({"forks", "10"}), 0);
}

bool GotSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR2);
  timespec at_once = {};
  return sigtimedwait(&signals, nullptr, &at_once) == SIGUSR2;
}

rlim_t CoreLimit() {
  rlimit limit = {};
  getrlimit(RLIMIT_CORE, &limit);
  return limit.rlim_cur;
}

TEST_F(EscapeTest, TheProtectedProcessGetsNoSignalForInputAndNoLimit) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR2);
  ASSERT_EQ(sigprocmask(SIG_BLOCK, &signals, nullptr), 0);
  const std::string self = absl::StrCat(getpid());
  ASSERT_EQ(Try({"sigio", self}), 1);
  ASSERT_TRUE(GotSignal());
  ASSERT_EQ(Try({"prlimit", self}), 1);
  ASSERT_EQ(CoreLimit(), 4096u);
  const rlimit other = {0, RLIM_INFINITY};
  ASSERT_EQ(setrlimit(RLIMIT_CORE, &other), 0);
  BpfEnforcerOptions options;
  options.protected_process = getpid();
  ASSERT_NO_FATAL_FAILURE(Enforce({kSecretRule}, options));
  EXPECT_EQ(Try({"sigio", self}), 1);
  EXPECT_FALSE(GotSignal());
  EXPECT_EQ(Try({"prlimit", self}), 0);
  EXPECT_EQ(CoreLimit(), 0u);
}

// docs/bpf_enforcer.md, "Events": the file, the name given, and the mapping of the program's text.
TEST_F(BpfEnforcerVmTest, AnExecIsOneEventWhenDeniedAndUpToThreeWhenAudited) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_EQ(RunInCgroup(cgroup_, {"/bin/cp", "/bin/busybox", "/tmp/vmtest/true"}), 0);
  unlink("/tmp/vmtest/other");
  ASSERT_EQ(symlink("true", "/tmp/vmtest/other"), 0);
  const auto events_of = [this](const std::string& qualifiers, const std::string& program) {
    const BpfArtifact artifact =
        CompileProfile("exec", {absl::StrCat("processes: [{qualifiers: ", qualifiers,
                                             ", pattern: /tmp/vmtest/*, permissions: [exec]}]")});
    EXPECT_TRUE(enforcer_->Apply(Only(artifact)).ok());
    Confine(artifact.name());
    std::vector<std::string> objects;
    auto reader = BpfEventReader::Open(
        *enforcer_, [&](const BpfViolation& violation) { objects.push_back(violation.object); });
    EXPECT_TRUE(reader.ok()) << reader.status();
    RunInCgroup(cgroup_, {program});
    EXPECT_TRUE(reader->Poll(1000).ok());
    return objects;
  };
  const std::string file = "/tmp/vmtest/true", other = "/tmp/vmtest/other";
  EXPECT_THAT(events_of("[deny, audit]", file), ElementsAre(file));
  EXPECT_THAT(events_of("[deny, audit]", other), ElementsAre(file));
  EXPECT_THAT(events_of("[audit]", file), ElementsAre(file, file));
  EXPECT_THAT(events_of("[audit]", other), ElementsAre(file, other, file));
}

// Runs a prober beside `work`; it must not get through once.
class ProberTest : public BpfEnforcerVmTest {
 protected:
  template <typename Work>
  void WhileProbing(Work work) {
    const pid_t prober =
        StartInCgroup(cgroup_, {"prober", "/tmp/vmtest/secret", "/tmp/vmtest/stop"});
    usleep(200000);
    work();
    std::ofstream("/tmp/vmtest/stop") << "";
    EXPECT_EQ(WaitForExit(prober), 0);
  }
};

TEST_F(ProberTest, NothingGetsThroughWhileProfilesAreReplaced) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const BpfArtifact one = DenyReading("swap", {"/tmp/vmtest/secret"});
  const BpfArtifact two = DenyReading("swap", {"/tmp/vmtest/secret", "/tmp/vmtest/*.x"});
  ASSERT_TRUE(enforcer_->Apply(Only(one)).ok());
  Confine(one.name());
  WhileProbing([&] {
    for (int i = 0; i < 50; ++i) {
      const absl::Status status = enforcer_->Apply(Only(i % 2 == 0 ? two : one));
      ASSERT_TRUE(status.ok()) << status;
    }
  });
}

TEST_F(ProberTest, NothingGetsThroughWhileAnotherBuildTakesOver) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const BpfArtifact artifact = DenyReading("takeover", {"/tmp/vmtest/secret"});
  ASSERT_TRUE(enforcer_->Apply(Only(artifact)).ok());
  Confine(artifact.name());
  // The same programs with another digest: what follows an ELF file is not read.
  BpfEnforcerOptions other;
  const absl::string_view programs =
      report_.variant == "bpf_loop" ? BpfLoopPrograms() : BoundedLoopPrograms();
  const std::string again = absl::StrCat(programs, "another build");
  other.programs = again;
  WhileProbing([&] {
    const std::string before = report_.version;
    ASSERT_NO_FATAL_FAILURE(Start(other));
    EXPECT_FALSE(report_.adopted);
    EXPECT_THAT(report_.superseded, Contains(before));
  });
  EXPECT_NE(Read("/tmp/vmtest/secret"), 0);
  EXPECT_EQ(enforcer_->Profiles()->size(), 1u);
}

TEST_F(BpfEnforcerVmTest, AnUpdateIsInForceWhenItReturns) {
  ASSERT_NO_FATAL_FAILURE(Start());
  std::ofstream("/tmp/vmtest/a.x") << "x\n";
  const BpfArtifact one = DenyReading("swap", {"/tmp/vmtest/secret"});
  const BpfArtifact two = DenyReading("swap", {"/tmp/vmtest/secret", "/tmp/vmtest/*.x"});
  ASSERT_TRUE(enforcer_->Apply(Only(one)).ok());
  Confine(one.name());
  for (int i = 0; i < 10; ++i) {
    const bool denies = i % 2 == 0;
    const absl::Status status = enforcer_->Apply(Only(denies ? two : one));
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(Read("/tmp/vmtest/a.x"), denies ? 1 : 0) << "update " << i;
  }
}

TEST_F(BpfEnforcerVmTest, ProfilesAppliedTogetherAreAllInForceEachForItsOwn) {
  ASSERT_NO_FATAL_FAILURE(Start());
  constexpr int kProfiles = 20;
  const auto file = [](int i) { return absl::StrCat("/tmp/vmtest/many", i); };
  std::vector<BpfArtifact> artifacts;
  for (int i = 0; i < kProfiles; ++i) {
    std::ofstream(file(i)) << i << "\n";
    artifacts.push_back(DenyReading(absl::StrCat("many", i), {file(i)}));
  }
  std::vector<const BpfArtifact*> all;
  for (const BpfArtifact& artifact : artifacts) all.push_back(&artifact);
  for (const absl::Status& status : enforcer_->ApplyAll(all)) EXPECT_TRUE(status.ok()) << status;
  const auto profiles = enforcer_->Profiles();
  ASSERT_EQ(profiles->size(), all.size());
  for (const BpfProfileState& one : *profiles) EXPECT_GT(one.memory_bytes, 0u);
  for (int i = 0; i < kProfiles; ++i) {
    Confine(artifacts[i].name());
    EXPECT_EQ(Read(file(i)), 1) << i;
    EXPECT_EQ(Read(file((i + 1) % kProfiles)), 0) << i;
  }
}

}  // namespace
}  // namespace varmor

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  const ::testing::UnitTest& unit = *::testing::UnitTest::GetInstance();
  // What tools/vm/run reads.
  std::printf("%d passed, %d failed, %d skipped\n", unit.successful_test_count(),
              unit.failed_test_count(), unit.skipped_test_count() + unit.disabled_test_count());
  return result;
}
