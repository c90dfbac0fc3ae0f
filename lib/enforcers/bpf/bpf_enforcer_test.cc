// Everything but the programs, with real maps pinned in a bpffs of the test's own: what Start,
// Apply and the others leave in the kernel, also when any of their calls fails.
#include "lib/enforcers/bpf/bpf_enforcer.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bpf/bpf.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/enforcers/bpf/bpf_dump.h"
#include "lib/enforcers/bpf/bpf_enforcer_parts.h"
#include "lib/enforcers/bpf/bpf_reads.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "lib/enforcers/bpf/embedded_programs.h"
#include "lib/enforcers/bpf/inside_processes.h"
#include "lib/enforcers/bpf/pins.h"
#include "lib/enforcers/bpf/profile_record.h"
#include "lib/enforcers/bpf/testing/test_profiles.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kMount = "/tmp/varmor_bpf_enforcer_test";

// "" when bpffs can be had, else why not.
std::string MountBpffs() {
  static const auto* result = [] {
    const auto failed = [](const char* what) {
      return new std::string(absl::StrCat("cannot ", what, ": ", std::strerror(errno)));
    };
    mkdir(kMount, 0700);
    if (unshare(CLONE_NEWNS) != 0) return failed("make a mount namespace");
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("remount");
    if (mount("bpf", kMount, "bpf", 0, nullptr) != 0) return failed("mount a bpffs");
    return new std::string;
  }();
  return *result;
}

// Lets one call fail.
class FailingCalls : public BpfCalls {
 public:
  // Counts from 1; 0: none.
  explicit FailingCalls(int which = 0) : left_(which) {}

  void Arm(int which) { left_ = which; }

  bool failed() const { return failed_; }

  int CreateMap(const BpfMapParameters& map) override {
    return Fail() ? -1 : BpfCalls::CreateMap(map);
  }
  int Update(int map, const void* key, const void* value) override {
    return Fail() ? -1 : BpfCalls::Update(map, key, value);
  }
  int UpdateBatch(int map, const void* keys, const void* values, uint32_t* count) override {
    return Fail() ? -1 : BpfCalls::UpdateBatch(map, keys, values, count);
  }
  int Delete(int map, const void* key) override { return Fail() ? -1 : BpfCalls::Delete(map, key); }
  int Freeze(int map) override { return Fail() ? -1 : BpfCalls::Freeze(map); }
  int Pin(int object, const char* path) override {
    return Fail() ? -1 : BpfCalls::Pin(object, path);
  }
  int Unlink(const char* path) override { return Fail() ? -1 : BpfCalls::Unlink(path); }
  int MakeDirectory(const char* path) override {
    return Fail() ? -1 : BpfCalls::MakeDirectory(path);
  }
  int RemoveDirectory(const char* path) override {
    return Fail() ? -1 : BpfCalls::RemoveDirectory(path);
  }
  int Load(bpf_object* object) override { return Fail() ? -1 : BpfCalls::Load(object); }
  int Attach(int program) override { return Fail() ? -1 : BpfCalls::Attach(program); }

 private:
  bool Fail() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (left_ == 0 || --left_ > 0) return false;
    failed_ = true;
    errno = EIO;
    return true;
  }

  std::mutex mutex_;
  int left_;
  bool failed_ = false;
};

ArtifactSet Only(const BpfArtifact& artifact) {
  ArtifactSet set;
  set.bpf = &artifact;
  return set;
}

class BpfEnforcerTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string problem = MountBpffs();
    if (!problem.empty()) GTEST_SKIP() << "NOT TESTED WITH REAL MAPS: " << problem;
    options_.directory = absl::StrCat(kMount, "/varmor");
    options_.host_mount_namespace = "/proc/self/ns/mnt";
    options_.maps_only = true;
    options_.slots = 16;
    options_.subjects = 64;
    options_.events_bytes = 4096;
  }

  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_TRUE(BpfEnforcer(options_).Uninstall().ok());
  }

  std::unique_ptr<BpfEnforcer> Started(BpfCalls* calls = nullptr) {
    auto enforcer = std::make_unique<BpfEnforcer>(options_, calls);
    const absl::StatusOr<BpfStartReport> report = enforcer->Start();
    EXPECT_TRUE(report.ok()) << report.status();
    if (report.ok()) report_ = *report;
    return enforcer;
  }

  // What is wrong with the kernel's state, seen by another enforcer: every profile has the maps of
  // one of `allowed`, byte for byte, and there is nothing else.
  std::string Inconsistent(const std::vector<const BpfArtifact*>& allowed) {
    BpfEnforcer other(options_);
    const absl::StatusOr<BpfStartReport> report = other.Start();
    if (!report.ok()) return absl::StrCat("start: ", report.status().message());
    const auto profiles = other.Profiles();
    if (!profiles.ok()) return absl::StrCat("profiles: ", profiles.status().message());
    const SlotMaps& maps = other.parts().profiles->maps();
    std::set<uint32_t> used;
    for (const BpfProfileState& profile : *profiles) {
      used.insert(profile.slot);
      const BpfArtifact* is = nullptr;
      for (const BpfArtifact* one : allowed) {
        if (one->name() == profile.name && one->digest() == profile.digest) is = one;
      }
      if (is == nullptr) return absl::StrCat("profile ", profile.name, " is unknown");
      const std::string difference = Difference(maps, profile.slot, *is);
      if (!difference.empty()) return difference;
    }
    for (uint32_t slot = 0; slot < options_.slots; ++slot) {
      for (const std::string& name : SlotMapNames()) {
        if (used.count(slot) == 0 && maps.Find(name, slot).ok()) {
          return absl::StrCat("slot ", slot, " holds ", name);
        }
      }
    }
    const auto records = ListDirectory(other.parts().version->path + "/profiles");
    if (!records.ok() || records->size() != used.size()) return "records are left";
    return "";
  }

  // Between the maps in a slot and an artifact's.
  static std::string Difference(const SlotMaps& maps, uint32_t slot, const BpfArtifact& artifact) {
    std::set<std::string> wanted = {"slot_hits"};
    for (const BpfMap& map : artifact.maps()) {
      const std::string name = absl::StrCat("slot_", map.name());
      wanted.insert(name);
      const absl::StatusOr<UniqueFd> fd = maps.Find(name, slot);
      if (!fd.ok()) return absl::StrCat(name, " is missing");
      for (const BpfMapEntry& entry : map.entries()) {
        const auto value = ReadValue(fd->get(), entry.key().data(), map.value_size());
        if (!value.ok() || *value != entry.value()) return absl::StrCat(name, " has other bytes");
      }
    }
    for (const std::string& name : SlotMapNames()) {
      if (wanted.count(name) == 0 && maps.Find(name, slot).ok()) {
        return absl::StrCat(name, " is too much");
      }
    }
    return "";
  }

  BpfEnforcerOptions options_;
  BpfStartReport report_;
};

TEST_F(BpfEnforcerTest, StartLoadsOnceAndThenTakesOverWhatIsThere) {
  Started();
  EXPECT_FALSE(report_.adopted);
  const std::string version = report_.version;
  Started();
  EXPECT_TRUE(report_.adopted);
  EXPECT_EQ(report_.version, version);
  EXPECT_TRUE(report_.superseded.empty());
}

TEST_F(BpfEnforcerTest, AnArtifactIsInTheKernelByteForByteAndNothingElseIs) {
  const auto enforcer = Started();
  const BpfArtifact one = DenyReading("one", {"/a", "/b/*.c"});
  const BpfArtifact two = CompileProfile(
      "two", {"network: {egress: {toDestinations: [{qualifiers: [deny], cidr: 10.0.0.0/8}]}, "
              "sockets: [{qualifiers: [deny], domains: [packet]}]}",
              "mounts: [{qualifiers: [deny], sourcePattern: \"**\", fstype: proc, flags: [new]}]"});
  ASSERT_TRUE(enforcer->Apply(Only(one)).ok());
  const absl::Status status = enforcer->Apply(Only(two));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Inconsistent({&one, &two}), "");
  const auto profiles = enforcer->Profiles();
  ASSERT_TRUE(profiles.ok()) << profiles.status();
  ASSERT_EQ(profiles->size(), 2u);
  EXPECT_EQ((*profiles)[0].name, "varmor-ns-one");
  EXPECT_EQ((*profiles)[0].rules.size(), static_cast<size_t>(one.rules_size()));
  EXPECT_GT((*profiles)[0].memory_bytes, sizeof(varmor_path_page));
  EXPECT_EQ(enforcer->Hits("varmor-ns-one")->size(), (*profiles)[0].rules.size());
}

TEST_F(BpfEnforcerTest, TheSameArtifactAgainChangesNothingAndAnotherKeepsTheNumber) {
  const auto enforcer = Started();
  const BpfArtifact one = DenyReading("p", {"/a"});
  const BpfArtifact two = DenyReading("p", {"/a", "/b"});
  ASSERT_TRUE(enforcer->Apply(Only(one)).ok());
  const BpfProfileState first = enforcer->Profiles()->front();
  ASSERT_TRUE(enforcer->Apply(Only(one)).ok());
  EXPECT_EQ(enforcer->Profiles()->front().slot, first.slot);
  ASSERT_TRUE(enforcer->Apply(Only(two)).ok());
  EXPECT_EQ(enforcer->Profiles()->front().number, first.number);
  EXPECT_NE(enforcer->Profiles()->front().slot, first.slot);
  EXPECT_EQ(Inconsistent({&two}), "");
}

TEST_F(BpfEnforcerTest, AnotherBuildTakesOverProfilesAndSubjectsWithTheirMaps) {
  const BpfArtifact one = DenyReading("p", {"/a"}), two = DenyReading("p", {"/b"});
  const std::string again = absl::StrCat(BoundedLoopPrograms(), "another build");
  uint32_t control_id = 0;
  std::string version;
  {
    const auto enforcer = Started();
    ASSERT_TRUE(enforcer->Apply(Only(one)).ok());
    control_id = enforcer->parts().version->control_id;
    version = report_.version;
    ASSERT_TRUE(enforcer->parts().subjects->Put(77, 1, 0, {}).ok());
    options_.programs = again;
    const auto other = Started();
    EXPECT_FALSE(report_.adopted);
    EXPECT_THAT(report_.superseded, ElementsAre(version));
    EXPECT_EQ(other->parts().version->control_id, control_id);
    EXPECT_EQ(other->Subjects()->size(), 1u);
    EXPECT_EQ(other->Subjects()->front().profile, "varmor-ns-p");
    // Who started the build before goes on.
    ASSERT_TRUE(enforcer->Apply(Only(two)).ok());
    EXPECT_EQ(enforcer->parts().version->name, report_.version);
    EXPECT_EQ(other->Profiles()->front().digest, two.digest());
  }
  EXPECT_EQ(Inconsistent({&two}), "");
}

TEST_F(BpfEnforcerTest, NobodyGoesOnWithMapsThatAreGone) {
  const auto enforcer = Started();
  const std::string version = report_.version;
  ASSERT_TRUE(BpfEnforcer(options_).Uninstall().ok());
  EXPECT_EQ(enforcer->Profiles().status().code(), absl::StatusCode::kNotFound);
  Started();
  EXPECT_EQ(
      enforcer->Profiles().status().message(),
      absl::StrCat("version ", version, " is not in force any more; start the enforcer again"));
}

// A takeover that got as far as completing the new version, and a profile that somebody applies
// then under the old one.
TEST_F(BpfEnforcerTest, ATakeoverThatLeavesTwoVersionsLosesNoProfile) {
  const BpfArtifact one = DenyReading("p", {"/a"}), two = DenyReading("q", {"/b"});
  const auto old = Started();
  ASSERT_TRUE(old->Apply(Only(one)).ok());
  BpfEnforcerOptions other = options_;
  const std::string another = absl::StrCat(BoundedLoopPrograms(), "another build");
  other.programs = another;
  absl::StatusOr<BpfStartReport> report = absl::UnknownError("");
  for (int n = 1;; ++n) {
    FailingCalls calls(n);
    report = BpfEnforcer(other, &calls).Start();
    const auto versions = ListVersions(options_.directory);
    ASSERT_TRUE(versions.ok());
    if (versions->size() == 2 && (*versions)[0].complete && (*versions)[1].complete) break;
    ASSERT_TRUE(calls.failed()) << "the takeover never leaves two";
    Started();
  }
  ASSERT_FALSE(report.ok());
  ASSERT_TRUE(old->Apply(Only(two)).ok());
  BpfEnforcer next(other);
  ASSERT_TRUE(next.Start().ok());
  ASSERT_EQ(next.Profiles()->size(), 2u);
  options_.programs = other.programs;
  EXPECT_EQ(Inconsistent({&one, &two}), "");
}

// Meanwhile the old build goes on with a slot whose record the new one has a copy of.
TEST_F(BpfEnforcerTest, OfTwoRecordsForASlotTheYoungerCounts) {
  const BpfArtifact one = DenyReading("p", {"/a"});
  const auto old = Started();
  ASSERT_TRUE(old->Apply(Only(one)).ok());
  const uint32_t slot = old->Profiles()->front().slot;
  const std::string version = report_.version;
  const std::string another = absl::StrCat(BoundedLoopPrograms(), "another build");
  options_.programs = another;
  const std::string next = absl::StrCat(options_.directory, "/", VersionOf(another));
  ASSERT_TRUE(MakeVersion(BpfCalls::Real(), next).ok());
  for (const char* part : {"/maps/", "/profiles/"}) {
    const std::string from = absl::StrCat(options_.directory, "/", version, part);
    const absl::StatusOr<std::vector<std::string>> names = ListDirectory(from);
    ASSERT_TRUE(names.ok());
    for (const std::string& name : *names) {
      const absl::StatusOr<UniqueFd> pin = OpenPin(from + name);
      ASSERT_TRUE(pin.ok());
      ASSERT_TRUE(PinAt(BpfCalls::Real(), pin->get(), absl::StrCat(next, part, name)).ok());
    }
  }
  ASSERT_TRUE(CompleteVersion(BpfCalls::Real(), next).ok());

  BpfArtifact last = one;
  for (int i = 0; i < 40; ++i) {
    last = DenyReading("p", {absl::StrCat("/b", i)});
    ASSERT_TRUE(old->Apply(Only(last)).ok());
    if (old->Profiles()->front().slot == slot) break;
  }
  ASSERT_EQ(old->Profiles()->front().slot, slot);
  const auto started = Started();
  EXPECT_THAT(report_.superseded, ElementsAre(version));
  ASSERT_EQ(started->Profiles()->size(), 1u);
  EXPECT_EQ(started->Profiles()->front().digest, last.digest());
  EXPECT_EQ(Inconsistent({&last}), "");
}

// Without programs nothing is denied.
TEST_F(BpfEnforcerTest, AFailedSelfTestLeavesNothingAndIsNotForgotten) {
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = BpfEnforcer(options_).StartTested().status();
    EXPECT_THAT(std::string(status.message()), HasSubstr("do not deny what a profile denies"));
    EXPECT_FALSE(std::filesystem::exists(options_.directory));
  }
}

TEST_F(BpfEnforcerTest, AFailedSelfTestLeavesWhatWasThereBefore) {
  const auto before = Started();
  const BpfArtifact one = DenyReading("p", {"/a"});
  ASSERT_TRUE(before->Apply(Only(one)).ok());
  EXPECT_FALSE(BpfEnforcer(options_).StartTested().ok());
  EXPECT_EQ(Inconsistent({&one}), "");
}

TEST_F(BpfEnforcerTest, WhatPassedTheSelfTestIsNotTestedAgain) {
  Started();
  const std::string version = absl::StrCat(options_.directory, "/", report_.version);
  ASSERT_TRUE(MarkTested(BpfCalls::Real(), version).ok());
  const absl::StatusOr<BpfStartReport> report = BpfEnforcer(options_).StartTested();
  EXPECT_TRUE(report.ok()) << report.status();
}

TEST_F(BpfEnforcerTest, ProcessesInsideAreCountedWhereverTheyAre) {
  const auto enforcer = Started();
  const absl::StatusOr<std::map<uint64_t, size_t>> none = enforcer->Inside();
  if (absl::IsFailedPrecondition(none.status())) GTEST_SKIP() << "NOT TESTED: " << none.status();
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_TRUE(none->empty());
  ASSERT_TRUE(enforcer->parts().subjects->Put(77, 1, 0, {}).ok());
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  ASSERT_TRUE(process.ok());
  varmor_task task{};
  task.cgroup = 77;
  task.flags = VARMOR_TASK_INSIDE;
  const int key = process.get();
  ASSERT_EQ(bpf_map_update_elem(enforcer->parts().version->map("tasks"), &key, &task, BPF_ANY), 0);
  EXPECT_EQ(*enforcer->Inside(), (std::map<uint64_t, size_t>{{77, 1}}));
  // Also before it is waited for it does nothing any more.
  kill(child, SIGKILL);
  siginfo_t ended;
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(enforcer->Inside()->empty());
  waitpid(child, nullptr, 0);
}

TEST_F(BpfEnforcerTest, RecordsByAddressAreCountedWhenTheyAreInside) {
  const UniqueFd map(BpfCalls::Real().CreateMap(
      {BPF_MAP_TYPE_HASH, "by_address", sizeof(uint64_t), sizeof(varmor_task), 8, 0}));
  ASSERT_TRUE(map.ok());
  const std::pair<uint64_t, uint32_t> kTasks[] = {
      {77, VARMOR_TASK_INSIDE}, {77, VARMOR_TASK_INSIDE}, {77, 0}, {78, VARMOR_TASK_INSIDE}};
  uint64_t address = 0xffff888000000000;
  for (const auto& [cgroup, flags] : kTasks) {
    varmor_task task{};
    task.cgroup = cgroup;
    task.flags = flags;
    ASSERT_EQ(BpfCalls::Real().Update(map.get(), &++address, &task), 0);
  }
  const absl::StatusOr<std::map<uint64_t, size_t>> inside = CountInsideByAddress(map.get());
  ASSERT_TRUE(inside.ok()) << inside.status();
  EXPECT_EQ(*inside, (std::map<uint64_t, size_t>{{77, 2}, {78, 1}}));
}

TEST_F(BpfEnforcerTest, ALockThatNobodyGivesBackIsSaid) {
  Started();
  const absl::StatusOr<PinLock> held = PinLock::Take(options_.directory);
  ASSERT_TRUE(held.ok());
  EXPECT_EQ(PinLock::Take(options_.directory, std::chrono::milliseconds(20)).status().message(),
            absl::StrCat("another process has had the lock of \"", options_.directory,
                         "\" for 0 seconds; `lsof ", options_.directory,
                         "` shows it: continue it or end it"));
}

TEST_F(BpfEnforcerTest, AProfileInUseIsNotRemoved) {
  const auto enforcer = Started();
  const BpfArtifact one = DenyReading("p", {"/a"});
  ASSERT_TRUE(enforcer->Apply(Only(one)).ok());
  ASSERT_TRUE(enforcer->parts().subjects->Put(77, 1, 0, {}).ok());
  EXPECT_EQ(enforcer->Remove("varmor-ns-p").message(),
            "BPF profile \"varmor-ns-p\" confines 1 cgroup; withdraw or give them another profile "
            "first");
  ASSERT_TRUE(enforcer->Withdraw(77).ok());
  EXPECT_EQ(enforcer->Withdraw(77).message(), "cgroup 77 is not confined");
  ASSERT_TRUE(enforcer->Remove("varmor-ns-p").ok());
  EXPECT_EQ(enforcer->Remove("varmor-ns-p").message(), "there is no BPF profile \"varmor-ns-p\"");
  EXPECT_EQ(Inconsistent({}), "");
}

TEST_F(BpfEnforcerTest, SubjectsKeepTheirAddressesAndNewOnesWakeThePrograms) {
  const auto enforcer = Started();
  SubjectTable& subjects = *enforcer->parts().subjects;
  const uint32_t before = subjects.ReadControl()->generation;
  const std::set<PodAddress> pod = {ParsePodAddress("10.0.0.1").value(),
                                    ParsePodAddress("fd00::1").value()};
  ASSERT_TRUE(subjects.Put(5, 1, 0, pod).ok());
  ASSERT_TRUE(subjects.Put(6, 1, VARMOR_SUBJECT_ANY_NAMESPACE, pod).ok());
  EXPECT_EQ(subjects.ReadControl()->generation, before + 2);
  EXPECT_EQ(subjects.ReadPods()->size(), 1u) << "containers of a pod share its addresses";
  ASSERT_TRUE(subjects.Put(5, 1, 0, {ParsePodAddress("10.0.0.2").value()}).ok());
  EXPECT_EQ(subjects.ReadControl()->generation, before + 3)
      << "whoever confined it may not have come so far";
  Started();
  EXPECT_EQ(subjects.ReadControl()->generation, before + 4) << "nor whoever was here before";
  const auto all = enforcer->Subjects();
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 2u);
  EXPECT_THAT((*all)[0].addresses, ElementsAre("10.0.0.2"));
  EXPECT_THAT((*all)[1].addresses, ElementsAre("10.0.0.1", "fd00::1"));
  EXPECT_TRUE((*all)[1].any_namespace);
  ASSERT_TRUE(enforcer->Withdraw(5).ok());
  ASSERT_TRUE(enforcer->Withdraw(6).ok());
  EXPECT_TRUE(subjects.ReadPods()->empty());
  EXPECT_EQ(ParsePodAddress("10.0.0").status().message(), "\"10.0.0\" is no IPv4 or IPv6 address");
}

TEST_F(BpfEnforcerTest, MoreSubjectsThanRoomAreRefused) {
  options_.subjects = 2;
  const auto enforcer = Started();
  SubjectTable& subjects = *enforcer->parts().subjects;
  absl::Status status;
  uint64_t cgroup = 5;
  for (; status.ok() && cgroup < 100; ++cgroup) status = subjects.Put(cgroup, 1, 0, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(),
            absl::StrCat("cannot confine cgroup ", cgroup - 1,
                         ": all 2 places are taken; release cgroups, or start with room for more "
                         "subjects"));
  EXPECT_EQ(subjects.Read()->size(), cgroup - 6) << "those before are as they were";
}

TEST_F(BpfEnforcerTest, TheRootCgroupAndOurOwnAreNotConfined) {
  const auto enforcer = Started();
  const absl::StatusOr<std::string> mount = FindCgroupMount();
  if (!mount.ok()) GTEST_SKIP() << "NO CGROUP V2: " << mount.status();
  const BpfArtifact one = DenyReading("p", {"/a"});
  ASSERT_TRUE(enforcer->Apply(Only(one)).ok());
  BpfSubject subject;
  subject.profile = one.name();
  subject.cgroup = CgroupIdOfPath(*mount).value();
  EXPECT_EQ(enforcer->Enroll(subject).message(),
            "the root cgroup is the whole machine; it is not confined");
  const std::string path = absl::StrCat(*mount, "/varmor_test_", getpid());
  ASSERT_TRUE(MakeCgroup(path).ok());
  subject.cgroup = CgroupIdOfPath(path).value();
  EXPECT_TRUE(enforcer->Enroll(subject).ok());
  subject.profile = "varmor-ns-q";
  EXPECT_EQ(enforcer->Enroll(subject).message(), "there is no BPF profile \"varmor-ns-q\"");
  EXPECT_TRUE(RemoveCgroup(path).ok());
}

TEST_F(BpfEnforcerTest, ADamagedArtifactLeavesTheProfileAsItIs) {
  const auto enforcer = Started();
  const BpfArtifact good = DenyReading("p", {"/a"});
  ASSERT_TRUE(enforcer->Apply(Only(good)).ok());
  BpfArtifact cut = DenyReading("p", {"/b"});
  cut.mutable_maps()->RemoveLast();
  EXPECT_EQ(enforcer->Apply(Only(cut)).code(), absl::StatusCode::kInvalidArgument);
  BpfArtifact other_abi = good;
  other_abi.set_abi(99);
  EXPECT_EQ(enforcer->Apply(Only(other_abi)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(enforcer->Apply({}).message(), "there is no artifact for the BPF enforcer");
  EXPECT_EQ(Inconsistent({&good}), "");
}

TEST_F(BpfEnforcerTest, OfManyProfilesTheGoodOnesAreAppliedAndSlotsRunOut) {
  options_.slots = 4;
  const auto enforcer = Started();
  std::vector<BpfArtifact> artifacts;
  for (const char* name : {"a", "b", "a", "c", "d"}) artifacts.push_back(DenyReading(name, {"/x"}));
  std::vector<const BpfArtifact*> all;
  for (const BpfArtifact& artifact : artifacts) all.push_back(&artifact);
  const std::vector<absl::Status> results = enforcer->ApplyAll(all);
  EXPECT_TRUE(results[0].ok()) << results[0];
  EXPECT_TRUE(results[1].ok());
  EXPECT_EQ(results[2].message(),
            "BPF profile \"varmor-ns-a\": another profile of the list has this name");
  EXPECT_TRUE(results[3].ok());
  EXPECT_EQ(results[4].message(),
            "BPF profile \"varmor-ns-d\": all 3 profile numbers are in use; remove a profile, or "
            "start with more slots");
  EXPECT_EQ(Inconsistent(all), "");
}

TEST_F(BpfEnforcerTest, WhateverCallFailsTheOldProfileOrTheNewOneIsInForceWhole) {
  const BpfArtifact before = DenyReading("p", {"/a"});
  const BpfArtifact after = DenyReading("p", {"/a", "/b/**"});
  Started();
  int failures = 0;
  for (int n = 1;; ++n) {
    SCOPED_TRACE(absl::StrCat("call ", n));
    ASSERT_TRUE(Started()->Apply(Only(before)).ok());
    FailingCalls calls;
    auto enforcer = Started(&calls);
    calls.Arm(n);
    const absl::Status status = enforcer->Apply(Only(after));
    enforcer.reset();  // when it has cleaned up
    if (!calls.failed()) break;
    failures += !status.ok();
    ASSERT_EQ(Inconsistent({status.ok() ? &after : &before}), "") << status;
  }
  EXPECT_GT(failures, 10);
}

// Lets nobody take anything out of a map until somebody says so.
class WaitingDeletes : public BpfCalls {
 public:
  int Delete(int map, const void* key) override {
    std::unique_lock<std::mutex> lock(mutex_);
    went_ = changed_.wait_for(lock, std::chrono::seconds(20), [this] { return let_go_; }) && went_;
    ++deletes_;
    return BpfCalls::Delete(map, key);
  }
  void LetGo() {
    const std::lock_guard<std::mutex> lock(mutex_);
    let_go_ = true;
    changed_.notify_all();
  }
  int deletes() const { return deletes_; }
  // Whether all that waited went on because they were let go.
  bool went() const { return went_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool let_go_ = false;
  bool went_ = true;
  int deletes_ = 0;
};

TEST_F(BpfEnforcerTest, AnUpdateIsInForceBeforeTheMapsBeforeAreFreed) {
  const BpfArtifact before = DenyReading("p", {"/a"});
  const BpfArtifact after = DenyReading("p", {"/a", "/b/**"});
  ASSERT_TRUE(Started()->Apply(Only(before)).ok());
  WaitingDeletes calls;
  auto enforcer = Started(&calls);
  const uint32_t slot = enforcer->Profiles()->front().slot;
  const absl::Status status = enforcer->Apply(Only(after));
  const int deletes = calls.deletes();
  uint32_t in_force = 0;
  const uint32_t number = 1;
  const int slots = enforcer->parts().version->map("slots");
  ASSERT_EQ(bpf_map_lookup_elem(slots, &number, &in_force), 0);
  calls.LetGo();
  enforcer.reset();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(deletes, 0) << "the update has waited for the old maps";
  EXPECT_NE(in_force, slot);
  EXPECT_GT(calls.deletes(), 0);
  EXPECT_TRUE(calls.went());
  EXPECT_EQ(Inconsistent({&after}), "");
}

TEST_F(BpfEnforcerTest, WhateverCallOfATakeoverFailsAVersionIsWhole) {
  const BpfArtifact one = DenyReading("p", {"/a"});
  ASSERT_TRUE(Started()->Apply(Only(one)).ok());
  const std::string version = report_.version;
  const std::string again = absl::StrCat(BoundedLoopPrograms(), "another build");
  int failures = 0;
  for (int n = 1;; ++n) {
    SCOPED_TRACE(absl::StrCat("call ", n));
    BpfEnforcerOptions other = options_;
    other.programs = again;
    FailingCalls calls(n);
    const absl::StatusOr<BpfStartReport> report = BpfEnforcer(other, &calls).Start();
    if (!calls.failed()) break;
    failures += !report.ok();
    // The status says which version is in force.
    const std::string taken = absl::StrCat("version ", VersionOf(again), " is in force, but");
    const auto versions = ListVersions(options_.directory);
    ASSERT_TRUE(versions.ok());
    std::set<std::string> whole;
    for (const PinnedVersion& one : *versions) {
      if (one.complete) whole.insert(one.name);
    }
    const bool said = report.ok() || absl::StartsWith(report.status().message(), taken);
    ASSERT_EQ(whole.count(VersionOf(again)) == 1, said) << report.status();
    ASSERT_TRUE(said || whole.count(version) == 1) << report.status();
    // Whatever is there, a profile is in force, and the build before can take it over.
    BpfEnforcer look(options_);
    ASSERT_TRUE(look.Adopt().ok());
    ASSERT_EQ(look.Profiles()->size(), 1u);
    ASSERT_EQ(Inconsistent({&one}), "");
  }
  EXPECT_GT(failures, 20);
}

// Room for `count` more open files than there are, as long as it lives.
class OpenFiles {
 public:
  explicit OpenFiles(rlim_t count) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int next = dup(0);
    close(next);
    const rlimit few{static_cast<rlim_t>(next) + count, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
  }
  ~OpenFiles() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

// Whatever the limit, what fails says so, and nobody is blamed for what could not be looked at.
TEST_F(BpfEnforcerTest, TooFewOpenFilesAreAnErrorThatSaysSo) {
  const BpfArtifact before = DenyReading("p", {"/a"});
  const BpfArtifact after = DenyReading("p", {"/a", "/b/**"});
  using Step = std::function<absl::Status(BpfEnforcer&)>;
  const Step start = [](BpfEnforcer& e) { return e.Start().status(); };
  const Step none = [](BpfEnforcer&) { return absl::OkStatus(); };
  const struct {
    const char* name;
    Step prepare, run;
    int failures;  // at least
    rlim_t stride = 1;
  } kSteps[] = {
      {"load", [](BpfEnforcer& e) { return e.Uninstall(); }, start, 5, 9},
      {"take over", none, start, 20},
      {"adopt", none, [](BpfEnforcer& e) { return e.Adopt().status(); }, 20},
      {"apply", start, [&](BpfEnforcer& e) { return e.Apply(Only(after)); }, 5},
      {"profiles", start, [](BpfEnforcer& e) { return e.Profiles().status(); }, 3},
      {"subjects", start, [](BpfEnforcer& e) { return e.Subjects().status(); }, 2},
      {"hits", start, [&](BpfEnforcer& e) { return e.Hits(before.name()).status(); }, 2},
      {"dump", start, [&](BpfEnforcer& e) { return DumpBpfProfile(e, before.name()).status(); }, 3},
      {"remove", start, [&](BpfEnforcer& e) { return e.Remove(before.name()); }, 2},
  };
  for (const auto& step : kSteps) {
    int failures = 0;
    for (rlim_t count = 0;; count += step.stride) {
      SCOPED_TRACE(absl::StrCat(step.name, " with ", count, " open files"));
      ASSERT_TRUE(Started()->Apply(Only(before)).ok());
      absl::Status status;
      {
        BpfEnforcer enforcer(options_);
        ASSERT_TRUE(step.prepare(enforcer).ok());
        const OpenFiles few(count);
        status = step.run(enforcer);
      }
      if (status.ok()) break;
      ++failures;
      ASSERT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
      ASSERT_THAT(std::string(status.message()),
                  HasSubstr("Too many open files; raise the limit of open files (ulimit -n)"));
      const bool installed = step.name != absl::string_view("load");
      ASSERT_EQ(Inconsistent(installed ? std::vector{&before} : std::vector<const BpfArtifact*>{}),
                "");
    }
    EXPECT_GE(failures, step.failures) << step.name;
  }
}

TEST_F(BpfEnforcerTest, WhatIsNotOursIsNamedAndLeftAlone) {
  Started();
  const UniqueFd map(BpfCalls::Real().CreateMap({BPF_MAP_TYPE_ARRAY, "foreign", 4, 4, 1, 0}));
  ASSERT_TRUE(map.ok());
  const std::string foreign = absl::StrCat(options_.directory, "/somebody");
  ASSERT_EQ(bpf_obj_pin(map.get(), foreign.c_str()), 0);
  EXPECT_EQ(BpfEnforcer(options_).Start().status().message(),
            absl::StrCat("\"", foreign,
                         "\" is not ours: it is no version of the enforcer; remove it, or choose "
                         "another directory"));
  EXPECT_EQ(BpfEnforcer(options_).Uninstall().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_EQ(unlink(foreign.c_str()), 0);

  const std::string subjects =
      absl::StrCat(options_.directory, "/", report_.version, "/maps/subjects");
  ASSERT_EQ(unlink(subjects.c_str()), 0);
  ASSERT_EQ(bpf_obj_pin(map.get(), subjects.c_str()), 0);
  EXPECT_EQ(BpfEnforcer(options_).Start().status().message(),
            absl::StrCat("\"", subjects, "\" is not ours: it is of type 2 instead of 1"));
}

TEST_F(BpfEnforcerTest, OfAForeignMapOnlyTheLengthIsRead) {
  // As long as a record may be, and longer than what stands in it.
  const UniqueFd map(BpfCalls::Real().CreateMap({BPF_MAP_TYPE_ARRAY, "foreign", 4, 4096, 64, 0}));
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(ReadRecord(map.get()).status(),
            absl::FailedPreconditionError("it is no profile's record: its length does not fit"));
  const uint32_t first = 0;
  std::string piece(4096, '\0');
  piece[7] = 1;  // the highest byte of the length
  ASSERT_EQ(BpfCalls::Real().Update(map.get(), &first, piece.data()), 0);
  EXPECT_EQ(ReadRecord(map.get()).status(),
            absl::FailedPreconditionError("it is no profile's record: its length does not fit"));
}

TEST_F(BpfEnforcerTest, AHalfMadeVersionIsRemoved) {
  Started();
  const std::string whole = report_.version;
  const std::string half = absl::StrCat(options_.directory, "/v2-00000000000f");
  ASSERT_EQ(mkdir(half.c_str(), 0700), 0);
  ASSERT_EQ(mkdir((half + "/maps").c_str(), 0700), 0);
  Started();
  EXPECT_TRUE(report_.adopted);
  EXPECT_EQ(report_.version, whole);
  EXPECT_THAT(*ListDirectory(options_.directory), ElementsAre(whole));
}

TEST_F(BpfEnforcerTest, AVersionOfAnotherAbiStaysUntilItIsDropped) {
  const std::string other = absl::StrCat(options_.directory, "/v9-00000000000f");
  ASSERT_EQ(mkdir(options_.directory.c_str(), 0700), 0);
  for (const char* part : {"", "/maps", "/complete"}) {
    ASSERT_EQ(mkdir((other + part).c_str(), 0700), 0);
  }
  const auto enforcer = Started();
  EXPECT_THAT(report_.others, ElementsAre("v9-00000000000f"));
  EXPECT_THAT(report_.warnings, ElementsAre(HasSubstr("v9-00000000000f is of another ABI")));
  EXPECT_THAT(*ListDirectory(options_.directory), Contains("v9-00000000000f"));
  ASSERT_TRUE(enforcer->DropOthers().ok());
  EXPECT_THAT(*ListDirectory(options_.directory), ElementsAre(report_.version));
}

TEST_F(BpfEnforcerTest, WhateverCallOfDroppingFailsOursStaysAndTheNextOneFinishes) {
  const BpfArtifact one = DenyReading("p", {"/a"});
  const std::string other = absl::StrCat(options_.directory, "/v9-00000000000f");
  ASSERT_TRUE(Started()->Apply(Only(one)).ok());
  for (int n = 1;; ++n) {
    SCOPED_TRACE(absl::StrCat("call ", n));
    for (const char* part : {"", "/maps", "/links", "/complete"}) {
      ASSERT_EQ(mkdir((other + part).c_str(), 0700), 0);
    }
    const UniqueFd map(BpfCalls::Real().CreateMap({BPF_MAP_TYPE_ARRAY, "theirs", 4, 4, 1, 0}));
    ASSERT_EQ(bpf_obj_pin(map.get(), (other + "/maps/theirs").c_str()), 0);
    FailingCalls calls;
    const auto enforcer = Started(&calls);
    calls.Arm(n);
    const absl::Status status = enforcer->DropOthers();
    EXPECT_NE(status.ok(), calls.failed()) << status;
    ASSERT_TRUE(enforcer->DropOthers().ok());
    EXPECT_THAT(*ListDirectory(options_.directory), ElementsAre(report_.version));
    EXPECT_EQ(Inconsistent({&one}), "");
    if (!calls.failed()) break;
    ASSERT_LT(n, 100);
  }
}

TEST_F(BpfEnforcerTest, NothingWorksBeforeStartAndAdoptLoadsNothing) {
  BpfEnforcer enforcer(options_);
  const BpfArtifact one = DenyReading("p", {"/a"});
  EXPECT_EQ(enforcer.Apply(Only(one)).message(),
            "BPF profile \"varmor-ns-p\": the BPF enforcer has not been started");
  EXPECT_EQ(enforcer.Adopt().status().message(),
            absl::StrCat("no BPF enforcer of this version is loaded: \"", options_.directory,
                         "\" has none"));
  options_.directory = "/tmp/varmor_no_bpffs";
  EXPECT_EQ(BpfEnforcer(options_).Start().status().message(),
            "\"/tmp/varmor_no_bpffs\" is in no BPF file system; mount one: mount -t bpf bpf "
            "/sys/fs/bpf");
  rmdir("/tmp/varmor_no_bpffs");
  options_.directory = absl::StrCat(kMount, "/varmor");
}

}  // namespace
}  // namespace varmor
