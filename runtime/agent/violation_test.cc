#include <signal.h>
#include <sys/resource.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/enforcers/testing/temporary_directory.h"
#include "runtime/agent/violation_line.h"
#include "runtime/agent/violation_log.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::ordered_json;

const absl::Time kNow = absl::FromUnixSeconds(1751000001);

ViolationSettings Settings() {
  ViolationSettings settings;
  settings.node_name = "node-7";
  settings.metadata = {{"clusterID", "c-1"}};
  return settings;
}

ViolationSubject Subject() {
  ViolationSubject subject;
  subject.container = {"k8s.io", "51aa"};
  subject.container_name = "main";
  subject.image = "registry.example/db:1.4";
  subject.pod_name = "db-0";
  subject.pod_namespace = "shop";
  subject.pod_uid = "6b1e";
  subject.mount_namespace = 4026533011;
  subject.policy = {"VarmorPolicy", "db", "shop"};
  subject.profile = "varmor-shop-db";
  return subject;
}

BpfViolation Write() {
  BpfViolation violation;
  violation.event_class = VARMOR_EVENT_FILE;
  violation.action = VARMOR_EVENT_DENIED;
  violation.process = 41234;
  violation.wanted = 2;  // VARMOR_ACCESS_WRITE
  violation.object = "/etc/passwd";
  violation.profile = "varmor-shop-db";
  violation.rule = 3;
  violation.origin.emplace();
  violation.origin->set_rule("disallow-write");
  violation.wall_ns = 1751000000ull * 1000000000;
  return violation;
}

std::vector<std::string> Keys(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

TEST(ViolationLineTest, HasTheFieldsOfTheContractInOrder) {
  const Json line = Json::parse(ViolationLine(Write(), Subject(), Settings(), kNow));
  EXPECT_THAT(Keys(line),
              ElementsAre("level", "metadata", "nodeName", "podUID", "podName", "podNamespace",
                          "containerID", "containerName", "image", "pid", "mntNsID",
                          "eventTimestamp", "eventType", "enforcer", "action", "profileName",
                          "policyKind", "policyName", "policyNamespace", "event", "rule", "uid",
                          "comm", "eventClass", "cgroup", "time", "message"));
  EXPECT_EQ(line["level"], "warn");
  EXPECT_EQ(line["metadata"]["clusterID"], "c-1");
  EXPECT_EQ(line["containerID"], "51aa");
  EXPECT_EQ(line["pid"], 41234);
  EXPECT_EQ(line["mntNsID"], 4026533011);
  EXPECT_EQ(line["eventTimestamp"], 1751000000);
  EXPECT_EQ(line["enforcer"], "BPF");
  EXPECT_EQ(line["action"], "DENIED");
  EXPECT_EQ(line["policyName"], "db");
  EXPECT_EQ(line["event"]["path"], "/etc/passwd");
  EXPECT_EQ(line["event"]["permissions"], Json({"write"}));
  EXPECT_EQ(line["rule"]["name"], "disallow-write");
  EXPECT_EQ(line["time"], "2025-06-27T04:53:21.000Z");
  EXPECT_EQ(line["message"], "violation event");
}

TEST(ViolationLineTest, TheWordsOf08) {
  ViolationSettings settings = Settings();
  settings.v08 = true;
  BpfViolation violation = Write();
  violation.action = VARMOR_EVENT_AUDIT;
  const Json line = Json::parse(ViolationLine(violation, Subject(), settings, kNow));
  EXPECT_EQ(line["level"], "debug");
  EXPECT_EQ(line["action"], "ALLOWED");
}

TEST(ViolationLineTest, AppArmorHasEveryField) {
  const std::optional<AuditViolation> violation = ReadAuditRecord(
      "type=1400 audit(1751000000.123:77): apparmor=\"DENIED\" operation=\"open\" class=\"file\" "
      "profile=\"varmor-shop-db\" name=\"/etc/shadow\" pid=41 comm=\"cat\" requested_mask=\"r\" "
      "denied_mask=\"r\" fsuid=0 ouid=0");
  ASSERT_TRUE(violation.has_value());
  const Json line = Json::parse(ViolationLine(*violation, Subject(), Settings(), kNow));
  EXPECT_EQ(line["enforcer"], "AppArmor");
  EXPECT_EQ(line["eventTimestamp"], 1751000000);
  const Json& event = line["event"];
  for (const char* key : {"version",        "event",          "pid",          "peerPID",
                          "task",           "magicToken",     "epoch",        "auditSubID",
                          "bitMask",        "auditID",        "operation",    "deniedMask",
                          "requestedMask",  "fsuid",          "ouid",         "profile",
                          "peerProfile",    "comm",           "name",         "name2",
                          "namespace",      "attribute",      "parent",       "info",
                          "peerInfo",       "errorCode",      "activeHat",    "netFamily",
                          "netProtocol",    "netSockType",    "netLocalAddr", "netLocalPort",
                          "netForeignAddr", "netForeignPort", "dbusBus",      "dbusPath",
                          "dbusInterface",  "dbusMember",     "signal",       "peer",
                          "fsType",         "flags",          "srcName"}) {
    EXPECT_TRUE(event.contains(key)) << key;
  }
  EXPECT_EQ(event["name"], "/etc/shadow");
  EXPECT_EQ(event["event"], 4);
  EXPECT_EQ(event["auditID"], "1751000000.123:77");
  EXPECT_EQ(event["auditSubID"], 77);
  EXPECT_EQ(event["epoch"], 1751000000);
}

TEST(ViolationLineTest, Seccomp) {
  const std::optional<AuditViolation> violation = ReadAuditRecord(
      "type=1326 audit(1751000000.123:78): auid=0 uid=0 gid=0 ses=1 subj=varmor-shop-db pid=42 "
      "comm=\"mkdir\" exe=\"/bin/busybox\" sig=0 arch=c000003e syscall=83 compat=0 ip=0x7f "
      "code=0x7ffc0000");
  ASSERT_TRUE(violation.has_value());
  const Json line = Json::parse(ViolationLine(*violation, Subject(), Settings(), kNow));
  EXPECT_EQ(line["action"], "AUDIT|ALLOWED");
  EXPECT_EQ(line["profileName"], "varmor-shop-db");
  EXPECT_EQ(line["event"]["syscall"], "mkdir");
  EXPECT_EQ(line["event"]["exe"], "/bin/busybox");
}

TEST(ViolationLineTest, Suppressed) {
  const Json line = Json::parse(SuppressedLine("BPF", 12, Subject(), Settings(), kNow));
  EXPECT_EQ(line["suppressed"], 12);
  EXPECT_EQ(line["containerName"], "main");
  EXPECT_EQ(line["action"], "SUPPRESSED");
}

TEST(ViolationMetadataTest, IsAnObject) {
  EXPECT_EQ(ParseViolationMetadata("")->dump(), "{}");
  EXPECT_EQ(ParseViolationMetadata(R"({"a":1})")->dump(), R"({"a":1})");
  EXPECT_FALSE(ParseViolationMetadata("[]").ok());
  EXPECT_FALSE(ParseViolationMetadata("{").ok());
}

TEST(ViolationLogTest, RotatesAndLosesNoLine) {
  const TemporaryDirectory directory;
  ViolationLogOptions options;
  options.path = directory / "logs/violations.log";
  options.max_bytes = 30;
  options.backups = 2;
  ViolationLog log(options);
  ASSERT_EQ(log.Open(), absl::OkStatus());
  for (int i = 0; i < 7; ++i)
    ASSERT_EQ(log.Write(absl::StrCat("line number ", i)), absl::OkStatus());
  EXPECT_EQ(FileContent(options.path), "line number 6\n");
  EXPECT_EQ(FileContent(options.path + ".1"), "line number 4\nline number 5\n");
  EXPECT_EQ(FileContent(options.path + ".2"), "line number 2\nline number 3\n");
  EXPECT_EQ(FileContent(options.path + ".3"), "(no such file)");
}

TEST(ViolationLogTest, GoesOnWhereItWas) {
  const TemporaryDirectory directory;
  ViolationLogOptions options;
  options.path = directory / "violations.log";
  for (int i = 0; i < 2; ++i) {
    ViolationLog log(options);
    ASSERT_EQ(log.Write(absl::StrCat(i)), absl::OkStatus());
  }
  EXPECT_EQ(FileContent(options.path), "0\n1\n");
}

// A limit of the file's size is to write(2) what a disk is that becomes full.
TEST(ViolationLogTest, HalfALineIsNotLeftBehind) {
  const TemporaryDirectory directory;
  ViolationLogOptions options;
  options.path = directory / "violations.log";
  ViolationLog log(options);
  ASSERT_EQ(log.Write("line 1"), absl::OkStatus());
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 10;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status failed = log.Write("line 2");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(failed.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(FileContent(options.path), "line 1\n");
  EXPECT_EQ(log.Write("line 3"), absl::OkStatus());
  EXPECT_EQ(FileContent(options.path), "line 1\nline 3\n");
}

// Of an agent that was killed while it wrote.
TEST(ViolationLogTest, BeginsALineAfterHalfALine) {
  const TemporaryDirectory directory;
  ViolationLogOptions options;
  options.path = directory / "violations.log";
  PutFile(options.path, "half");
  ViolationLog log(options);
  ASSERT_EQ(log.Write("whole"), absl::OkStatus());
  ASSERT_EQ(log.Write("another"), absl::OkStatus());
  EXPECT_EQ(FileContent(options.path), "half\nwhole\nanother\n");
}

TEST(ViolationLogTest, AnUnusablePathIsTold) {
  ViolationLogOptions options;
  options.path = "/proc/none/violations.log";
  ViolationLog log(options);
  EXPECT_FALSE(log.Open().ok());
  EXPECT_FALSE(log.Write("x").ok());
}

TEST(ViolationRateTest, OneContainerDoesNotDisturbAnother) {
  ViolationRate rate(1, 3);
  int written = 0;
  for (int i = 0; i < 100; ++i) written += rate.Take("noisy", kNow) ? 1 : 0;
  EXPECT_EQ(written, 3);
  EXPECT_TRUE(rate.Take("quiet", kNow));
  EXPECT_EQ(rate.TakeSuppressed(kNow), (std::map<std::string, uint64_t>{{"noisy", 97}}));
  EXPECT_TRUE(rate.TakeSuppressed(kNow).empty());
  EXPECT_FALSE(rate.Take("noisy", kNow));
  EXPECT_TRUE(rate.Take("noisy", kNow + absl::Seconds(2)));
}

}  // namespace
}  // namespace varmor
