#include "runtime/agent/violation_auditor.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "lib/enforcers/testing/temporary_directory.h"
#include "runtime/agent/policy_directory.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Json = nlohmann::ordered_json;

constexpr char kPolicy[] = R"(
apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: web, namespace: shop}
spec:
  target: {kind: Pod, selector: {}}
  policy:
    enforcer: AppArmorBPFSeccomp
    mode: EnhanceProtect
    enhanceProtect:
      appArmorRawRules: [{rules: "deny /etc/shadow r,"}]
      syscallRawRules: [{names: [mkdir], action: SCMP_ACT_ERRNO}]
)";

class ViolationAuditorTest : public ::testing::Test {
 protected:
  ViolationAuditorTest() : log_(LogOptions()), auditor_(Options(), log_) {
    PutFile(directory_ / "policies/web.yaml", kPolicy);
    PolicyDirectory policies({directory_ / "policies"});
    EXPECT_TRUE(policies.Scan().ok());
    EXPECT_THAT(policies.policies(), SizeIs(1));
    for (const AgentPolicy& policy : policies.policies()) {
      auditor_.PutProfile(policy.profile, policy.identity, policy.artifacts);
    }
  }

  ViolationLogOptions LogOptions() const {
    ViolationLogOptions options;
    options.path = directory_ / "violations.log";
    return options;
  }
  ViolationAuditorOptions Options() {
    ViolationAuditorOptions options;
    options.warn = [this](const std::string& message) { warnings_.push_back(message); };
    options.lines_at_once = 5;
    options.lines_per_second = 1;
    options.hold_at_most = 4;
    return options;
  }

  void PutContainer(const std::string& id, uint64_t cgroup, pid_t pid = 0, bool app_armor = true) {
    AuditedContainer container;
    container.subject.container = {"default", id};
    container.subject.container_name = id;
    container.subject.profile = "varmor-shop-web";
    container.cgroup = cgroup;
    container.cgroup_path = "/default/" + id;
    container.pid = pid;
    container.app_armor = app_armor;
    auditor_.PutContainer(container);
  }
  static BpfViolation Denied(uint64_t cgroup, const std::string& profile = "varmor-shop-web") {
    BpfViolation violation;
    violation.event_class = VARMOR_EVENT_FILE;
    violation.action = VARMOR_EVENT_DENIED;
    violation.subject = cgroup;
    violation.profile = profile;
    violation.wanted = 1;
    violation.object = "/etc/shadow";
    return violation;
  }
  static std::string AppArmorRecord(pid_t pid, const std::string& profile = "varmor-shop-web") {
    return absl::StrCat(
        "type=1400 audit(1751000000.123:77): apparmor=\"DENIED\" operation=\"open\" profile=\"",
        profile, "\" name=\"/etc/shadow\" pid=", pid,
        " comm=\"cat\" requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=0");
  }
  static std::string SeccompRecord(pid_t pid, const std::string& label = "unconfined") {
    return absl::StrCat("type=1326 audit(1751000000.123:78): auid=0 uid=0 gid=0 ses=1 subj=", label,
                        " pid=", pid,
                        " comm=\"mkdir\" exe=\"/bin/busybox\" sig=0 arch=c000003e syscall=83 "
                        "compat=0 ip=0x7f code=0x50000");
  }
  std::vector<Json> Lines() const {
    std::vector<Json> lines;
    for (const absl::string_view line :
         absl::StrSplit(FileContent(directory_ / "violations.log"), '\n', absl::SkipEmpty())) {
      if (line != "(no such file)") lines.push_back(Json::parse(line));
    }
    return lines;
  }

  // Whoever is not known by then is not known.
  void WaitLongEnough() { auditor_.WriteHeld(now_ + absl::Seconds(3)); }

  TemporaryDirectory directory_;
  std::vector<std::string> warnings_;
  ViolationLog log_;
  ViolationAuditor auditor_;
  const absl::Time now_ = absl::Now();
};

TEST_F(ViolationAuditorTest, BpfByCgroup) {
  PutContainer("c1", 7);
  PutContainer("c2", 8);
  auditor_.Handle(Denied(8), now_);
  ASSERT_THAT(Lines(), SizeIs(1));
  EXPECT_EQ(Lines()[0]["containerID"], "c2");
  EXPECT_EQ(Lines()[0]["policyName"], "web");
  EXPECT_EQ(Lines()[0]["policyNamespace"], "shop");
}

TEST_F(ViolationAuditorTest, AContainerThatEndedIsRememberedForAWhile) {
  PutContainer("c1", 7);
  auditor_.DropContainer({"default", "c1"});
  auditor_.Handle(Denied(7), now_);
  EXPECT_EQ(Lines()[0]["containerID"], "c1");
  auditor_.Summarise(absl::Now() + absl::Seconds(61));
  EXPECT_EQ(auditor_.containers(), 0u);
  auditor_.Handle(Denied(7), now_);
  WaitLongEnough();
  EXPECT_EQ(Lines()[1]["containerID"], "");
}

// Cgroups' numbers are used again.
TEST_F(ViolationAuditorTest, ARunningContainerWinsOverOneThatEnded) {
  PutContainer("a", 7);
  auditor_.DropContainer({"default", "a"});
  PutContainer("b", 7);
  auditor_.Handle(Denied(7), now_);
  EXPECT_EQ(Lines()[0]["containerID"], "b");
}

TEST_F(ViolationAuditorTest, AppArmorByProcessWithItsRule) {
  PutContainer("c1", 7, getpid());
  PutContainer("c2", 8);
  auditor_.HandleRecord(AppArmorRecord(getpid()), now_);
  ASSERT_THAT(Lines(), SizeIs(1));
  EXPECT_EQ(Lines()[0]["containerID"], "c1");
  EXPECT_EQ(Lines()[0]["enforcer"], "AppArmor");
  EXPECT_EQ(Lines()[0]["rule"]["name"], "raw");
}

TEST_F(ViolationAuditorTest, AppArmorOfAChildProfile) {
  auditor_.HandleRecord(AppArmorRecord(1 << 30, "varmor-shop-web//child_0"), now_);
  WaitLongEnough();
  ASSERT_THAT(Lines(), SizeIs(1));
  EXPECT_EQ(Lines()[0]["policyName"], "web");
}

// A process that has ended: the profile tells, when one container has it.
TEST_F(ViolationAuditorTest, AppArmorOfAProcessThatEnded) {
  PutContainer("c1", 7);
  auditor_.HandleRecord(AppArmorRecord(1 << 30), now_);
  EXPECT_EQ(Lines()[0]["containerID"], "c1");
  // One that was started without the profile cannot have been it.
  PutContainer("c2", 8, 0, false);
  auditor_.HandleRecord(AppArmorRecord(1 << 30), now_);
  EXPECT_EQ(Lines()[1]["containerID"], "c1");
  PutContainer("c3", 9);
  auditor_.HandleRecord(AppArmorRecord(1 << 30), now_);
  EXPECT_EQ(Lines()[2]["containerID"], "");
  EXPECT_EQ(Lines()[2]["policyName"], "web");
}

TEST_F(ViolationAuditorTest, SeccompOnlyOfContainers) {
  auditor_.HandleRecord(SeccompRecord(getpid()), now_);
  WaitLongEnough();
  EXPECT_THAT(Lines(), SizeIs(0));
  PutContainer("c1", 7, getpid());
  auditor_.HandleRecord(SeccompRecord(getpid()), now_);
  ASSERT_THAT(Lines(), SizeIs(1));
  EXPECT_EQ(Lines()[0]["profileName"], "varmor-shop-web");
  EXPECT_EQ(Lines()[0]["rule"]["name"], "raw");
}

TEST_F(ViolationAuditorTest, SeccompOfAProcessThatEnded) {
  PutContainer("c1", 7);
  auditor_.HandleRecord(SeccompRecord(1 << 30, "=varmor-shop-web//child_0 (enforce)"), now_);
  ASSERT_THAT(Lines(), SizeIs(1));
  EXPECT_EQ(Lines()[0]["containerID"], "c1");
  EXPECT_EQ(Lines()[0]["rule"]["name"], "raw");
  PutContainer("c2", 8);
  auditor_.HandleRecord(SeccompRecord(1 << 30, "varmor-shop-web"), now_);
  ASSERT_THAT(Lines(), SizeIs(2));
  EXPECT_EQ(Lines()[1]["containerID"], "");
  EXPECT_EQ(Lines()[1]["policyName"], "web");
  EXPECT_EQ(auditor_.Counts().unattributed, 0u);
  auditor_.HandleRecord(SeccompRecord(1 << 30), now_);
  EXPECT_THAT(Lines(), SizeIs(2));
  EXPECT_EQ(auditor_.Counts().unattributed, 1u);
}

// ---- records that come before their container is known -----------------------------------------

TEST_F(ViolationAuditorTest, ARecordWaitsForItsContainer) {
  auditor_.Handle(Denied(7), now_);
  auditor_.HandleRecord(AppArmorRecord(getpid()), now_);
  auditor_.HandleRecord(SeccompRecord(getpid()), now_);
  auditor_.WriteHeld(now_ + absl::Milliseconds(2999));
  EXPECT_THAT(Lines(), SizeIs(0));
  PutContainer("c1", 7, getpid());
  auditor_.WriteHeld(now_ + absl::Milliseconds(2999));
  ASSERT_THAT(Lines(), SizeIs(3));
  for (const Json& line : Lines()) EXPECT_EQ(line["containerID"], "c1") << line;
  EXPECT_EQ(auditor_.Counts().container_unknown, 0u);
  EXPECT_EQ(auditor_.Counts().profiles.at("varmor-shop-web").denied, 3u);
}

TEST_F(ViolationAuditorTest, ARecordDoesNotWaitForLong) {
  auditor_.Handle(Denied(7), now_);
  auditor_.HandleRecord(AppArmorRecord(getpid()), now_);
  auditor_.HandleRecord(SeccompRecord(getpid()), now_);
  WaitLongEnough();
  const std::vector<Json> lines = Lines();
  ASSERT_THAT(lines, SizeIs(2));
  for (const Json& line : lines) {
    EXPECT_EQ(line["containerID"], "");
    EXPECT_EQ(line["policyName"], "web");
  }
  // Seccomp's was not of a container, as far as anybody knows.
  EXPECT_EQ(auditor_.Counts().container_unknown, 2u);
  PutContainer("c1", 7, getpid());
  auditor_.WriteHeld(now_ + absl::Seconds(4));
  EXPECT_THAT(Lines(), SizeIs(2));
}

// A clock that is set back makes nothing wait.
TEST_F(ViolationAuditorTest, ARecordFromLaterDoesNotWait) {
  auditor_.Handle(Denied(7), now_);
  auditor_.WriteHeld(now_ - absl::Hours(1));
  EXPECT_THAT(Lines(), SizeIs(1));
}

TEST_F(ViolationAuditorTest, TheOrderOfAContainersRecordsStays) {
  const auto denied = [&](uint64_t cgroup, const std::string& path) {
    BpfViolation violation = Denied(cgroup);
    violation.object = path;
    auditor_.Handle(violation, now_);
  };
  denied(7, "/1");
  denied(8, "/a");
  denied(7, "/2");
  PutContainer("c1", 7);
  denied(7, "/3");  // nobody has looked at what waits since
  std::vector<std::string> paths;
  for (const Json& line : Lines()) paths.push_back(line["event"]["path"]);
  EXPECT_THAT(paths, ElementsAre("/1", "/2", "/3"));
  PutContainer("c2", 8);
  auditor_.WriteHeld(now_);
  ASSERT_THAT(Lines(), SizeIs(4));
  EXPECT_EQ(Lines()[3]["containerID"], "c2");
}

// What waits is bounded; what there is no room for is written, the oldest first.
TEST_F(ViolationAuditorTest, FewRecordsWait) {
  for (uint64_t cgroup : {7, 7, 8, 9, 9, 9}) auditor_.Handle(Denied(cgroup), now_);
  ASSERT_THAT(Lines(), SizeIs(2));
  EXPECT_EQ(Lines()[1]["containerID"], "");
  EXPECT_EQ(auditor_.Counts().too_many_waiting, 2u);
  EXPECT_EQ(auditor_.Counts().profiles.at("varmor-shop-web").denied, 2u);
  // Seccomp's may be of anybody on the machine, and take nobody's place.
  for (int i = 0; i < 10; ++i) auditor_.HandleRecord(SeccompRecord(getpid()), now_);
  EXPECT_EQ(auditor_.Counts().too_many_waiting, 2u);
  PutContainer("c1", 8);
  PutContainer("c2", 9);
  auditor_.WriteHeld(now_);
  EXPECT_EQ(auditor_.Counts().profiles.at("varmor-shop-web").denied, 6u);
  EXPECT_EQ(Lines()[2]["containerID"], "c1");
}

// Also when its container or its policy goes meanwhile.
TEST_F(ViolationAuditorTest, ARecordThatWaitsIsWrittenWhateverGoes) {
  auditor_.HandleRecord(AppArmorRecord(getpid()), now_);
  AuditedContainer container;
  container.subject.container = {"default", "short"};
  container.subject.profile = "varmor-shop-web";
  container.cgroup_path = CgroupOfProcess(0).value_or("");
  ASSERT_NE(container.cgroup_path, "");
  auditor_.PutContainer(container);
  auditor_.DropContainer({"default", "short"});
  auditor_.DropProfile("varmor-shop-web");
  auditor_.WriteHeld(now_);
  ASSERT_THAT(Lines(), SizeIs(1));
  EXPECT_EQ(Lines()[0]["containerID"], "short");
  EXPECT_EQ(Lines()[0]["policyName"], "web");
  EXPECT_TRUE(auditor_.Counts().profiles.empty());
}

TEST_F(ViolationAuditorTest, TheEndWaitsForNobody) {
  auditor_.Start();
  auditor_.Handle(Denied(7), absl::Now());
  auditor_.Stop();
  EXPECT_THAT(Lines(), SizeIs(1));
}

TEST_F(ViolationAuditorTest, ALogThatCannotBeWrittenIsToldOnce) {
  ASSERT_EQ(log_.Open(), absl::OkStatus());
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 10;  // bytes
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  PutContainer("c1", 7);
  auditor_.Handle(Denied(7), now_);
  auditor_.Handle(Denied(7), now_);
  EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(auditor_.Counts().unwritten, 2u);
  EXPECT_THAT(auditor_.Counts().log_problem, HasSubstr("violations.log\": File too large"));
  auditor_.Handle(Denied(7), now_);
  EXPECT_EQ(auditor_.Counts().log_problem, "");
  EXPECT_THAT(Lines(), SizeIs(1));
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("violations are not written: cannot write"),
                                     "violations are written again"));
}

TEST_F(ViolationAuditorTest, OthersProfilesAreNoneOfItsBusiness) {
  auditor_.Handle(Denied(7, "varmor-shop-web-run-01234567"), now_);
  auditor_.HandleRecord(AppArmorRecord(1 << 30, "cri-containerd.apparmor.d"), now_);
  EXPECT_THAT(Lines(), SizeIs(0));
  EXPECT_TRUE(auditor_.Counts().violations.empty());
}

TEST_F(ViolationAuditorTest, WhatComesBeforePoliciesAreKnownIsCounted) {
  auditor_.HandleRecord(AppArmorRecord(1 << 30, "varmor-shop-other//child_0"), now_);
  auditor_.HandleRecord(AppArmorRecord(1 << 30, "varmor-shop-other-run-01234567"), now_);
  auditor_.Handle(Denied(7, "varmor-shop-other"), now_);
  EXPECT_EQ(auditor_.Counts().early, 2u);
  auditor_.ProfilesAreKnown();
  auditor_.Handle(Denied(7, "varmor-shop-other"), now_);
  EXPECT_EQ(auditor_.Counts().early, 2u);
  EXPECT_THAT(Lines(), SizeIs(0));
}

TEST_F(ViolationAuditorTest, AFloodIsCountedAndDoesNotHideOthers) {
  PutContainer("noisy", 7);
  PutContainer("quiet", 8);
  for (int i = 0; i < 100; ++i) auditor_.Handle(Denied(7), now_);
  auditor_.Handle(Denied(8), now_);
  auditor_.Summarise(now_);
  const std::vector<Json> lines = Lines();
  ASSERT_THAT(lines, SizeIs(7));
  EXPECT_EQ(lines[5]["containerID"], "quiet");
  EXPECT_EQ(lines[6]["containerID"], "noisy");
  EXPECT_EQ(lines[6]["suppressed"], 95);
  const ViolationCounts counts = auditor_.Counts();
  EXPECT_EQ(counts.suppressed, 95u);
  EXPECT_EQ(counts.profiles.at("varmor-shop-web").denied, 101u);
}

// Nor does one of audit records cost what a line costs: nobody looks for the rule of what is not
// written.
TEST_F(ViolationAuditorTest, ThereIsNoSearchForWhatIsNotWritten) {
  PutContainer("noisy", 7, getpid());
  for (int i = 0; i < 100; ++i) auditor_.HandleRecord(AppArmorRecord(getpid()), now_);
  EXPECT_THAT(Lines(), SizeIs(5));
  std::map<std::string, uint64_t> by_rule;
  for (const auto& [key, count] : auditor_.Counts().violations) by_rule[key.rule] += count;
  EXPECT_EQ(by_rule, (std::map<std::string, uint64_t>{{"", 95}, {"raw", 5}}));
  EXPECT_EQ(auditor_.Counts().suppressed, 95u);
}

// What is loaded is that of the artifacts now.
TEST_F(ViolationAuditorTest, AChangedProfileIsAskedAnew) {
  PutContainer("c1", 7);
  auditor_.HandleRecord(AppArmorRecord(1 << 30), now_);
  auditor_.PutProfile("varmor-shop-web", {"VarmorPolicy", "web", "shop"}, PackedArtifacts());
  auditor_.HandleRecord(AppArmorRecord(1 << 30), now_);
  ASSERT_THAT(Lines(), SizeIs(2));
  EXPECT_EQ(Lines()[0]["rule"]["name"], "raw");
  EXPECT_FALSE(Lines()[1].contains("rule"));
}

TEST_F(ViolationAuditorTest, SeriesGoWithTheirProfile) {
  PutContainer("c1", 7);
  auditor_.Handle(Denied(7), now_);
  EXPECT_THAT(auditor_.Counts().violations, SizeIs(1));
  auditor_.DropProfile("varmor-shop-web");
  EXPECT_TRUE(auditor_.Counts().violations.empty());
  EXPECT_TRUE(auditor_.Counts().profiles.empty());
}

TEST_F(ViolationAuditorTest, LossIsCountedAndToldNowAndThen) {
  auditor_.Summarise(now_);
  EXPECT_THAT(warnings_, SizeIs(0));
  auditor_.HandleLoss(100);
  auditor_.HandleLoss(28);
  auditor_.Summarise(now_);
  auditor_.Summarise(now_);
  ASSERT_THAT(warnings_, SizeIs(1));
  EXPECT_EQ(warnings_[0],
            "violations are lost: 128 bytes of BPF events were overwritten before they were read; "
            "the agent needs more processor time (its CPU limit)");
  EXPECT_EQ(auditor_.Counts().bpf_lost_bytes, 128u);
  EXPECT_EQ(auditor_.Counts().bad_records, 0u);
}

// In place of the kernel's own records.
TEST_F(ViolationAuditorTest, LinesOfALogAreViolations) {
  const std::string path = directory_ / "audit.log";
  PutFile(path, "type=DAEMON_START msg=audit(1.2:3): op=start\n");
  auto file = std::make_unique<AuditFile>();
  ASSERT_EQ(file->Open(path), absl::OkStatus());
  auditor_.SetAuditFile(std::move(file));
  auditor_.Start();
  const std::string record = AppArmorRecord(1 << 30);
  std::ofstream(path, std::ios::app)
      << "type=AVC msg=" << record.substr(record.find("audit(")) << "\n";
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (Lines().empty() && absl::Now() < end) absl::SleepFor(absl::Milliseconds(20));
  auditor_.Stop();
  ASSERT_THAT(Lines(), SizeIs(1));
  EXPECT_EQ(Lines()[0]["enforcer"], "AppArmor");
  EXPECT_EQ(Lines()[0]["policyName"], "web");
  EXPECT_EQ(Lines()[0]["rule"]["name"], "raw");
}

TEST_F(ViolationAuditorTest, StopsAtOnce) {
  auditor_.Start();
  auditor_.Stop();
}

}  // namespace
}  // namespace varmor
