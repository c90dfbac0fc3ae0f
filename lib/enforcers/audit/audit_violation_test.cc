#include "lib/enforcers/audit/audit_violation.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

constexpr char kOpen[] =
    "type=1400 audit(1700000000.123:45): apparmor=\"DENIED\" operation=\"open\" class=\"file\" "
    "profile=\"varmor-shop-web\" name=\"/etc/shadow\" pid=71 comm=\"cat\" requested_mask=\"r\" "
    "denied_mask=\"r\" fsuid=0 ouid=0";
constexpr char kMkdir[] =
    "type=1326 audit(1700000000.123:46): auid=4294967295 uid=1000 gid=0 ses=4294967295 "
    "subj=unconfined pid=72 comm=\"mkdir\" exe=\"/usr/bin/mkdir\" sig=0 arch=c000003e syscall=83 "
    "compat=0 ip=0x7f2a code=0x50026";

AuditViolation Read(absl::string_view record) {
  std::optional<AuditViolation> violation = ReadAuditRecord(record);
  if (!violation.has_value()) ADD_FAILURE() << "no violation: " << record;
  return violation.value_or(AuditViolation());
}

RuleOrigin Origin(const char* rule, const char* action, const char* text) {
  RuleOrigin origin;
  origin.set_rule(rule);
  origin.set_action(action);
  origin.set_text(text);
  return origin;
}

TEST(AuditViolationTest, ReadsARecordOfAppArmor) {
  AuditViolation violation = Read(kOpen);
  EXPECT_EQ(violation.enforcer, "AppArmor");
  EXPECT_EQ(violation.wall_ms, 1700000000123u);
  violation.rules.push_back(Origin("disable-access-shadow", "deny", "file /etc/shadow r"));
  EXPECT_EQ(AuditViolationText(violation),
            "DENIED read /etc/shadow own file: cat (process 71, user 0); varmor-shop-web: "
            "disable-access-shadow (deny file /etc/shadow r)");
}

TEST(AuditViolationTest, ReadsARecordOfSeccomp) {
  AuditViolation violation = Read(kMkdir);
  violation.profile = "varmor-shop-web";
  EXPECT_EQ(violation.enforcer, "Seccomp");
  EXPECT_EQ(violation.action, "DENIED");
  EXPECT_EQ(AuditViolationText(violation),
            "DENIED syscall mkdir on SCMP_ARCH_X86_64: mkdir (process 72, user 1000); "
            "varmor-shop-web: no rule allows "
            "it");
}

TEST(AuditViolationTest, SeccompRecordsOfLoggingAreNoDenials) {
  std::string record = kMkdir;
  record.replace(record.find("0x50026"), 7, "0x7ffc0000");
  EXPECT_EQ(Read(record).action, "AUDIT");
}

TEST(AuditViolationTest, OtherRecordsAreNone) {
  for (const char* record :
       {"", "type=1400", "type=1403 audit(1.2:3): auid=0 ses=1 lsm=selinux res=1",
        "type=1400 audit(1.2:3): apparmor=\"STATUS\" operation=\"profile_load\" profile=\"x\""}) {
    EXPECT_FALSE(ReadAuditRecord(record).has_value()) << record;
  }
}

// CAP_AUDIT_WRITE is enough to send records of the types 1100 to 1199 and 2100 to 2999 with any
// text.
TEST(AuditViolationTest, RecordsOfProgramsAreNone) {
  const std::string text(absl::StripPrefix(kOpen, "type=1400"));
  for (const char* type : {"type=1107", "type=1100", "type=2999", "type=1326", "type=1500",
                           "type=1508", "type=14000", "type=USER_AVC", ""}) {
    const std::optional<AuditViolation> violation = ReadAuditRecord(absl::StrCat(type, text));
    EXPECT_FALSE(violation.has_value() && violation->enforcer == "AppArmor") << type;
  }
  for (const char* type : {"type=1400", "type=1501", "type=1503", "type=1507"}) {
    EXPECT_TRUE(ReadAuditRecord(absl::StrCat(type, text)).has_value()) << type;
  }
  EXPECT_FALSE(ReadAuditRecord(
                   "type=1107 audit(1.2:3): pid=1 msg='type=1326 audit(1.2:3): syscall=83 pid=72'")
                   .has_value());
}

TEST(AuditViolationTest, DecodesTextsInHexadecimal) {
  EXPECT_EQ(AuditField("type=1400 a: comm=6120620A name=\"x\"", "comm"), "a b\n");
  EXPECT_EQ(AuditField("type=1400 a: pid=71 comm=\"71\"", "pid"), "71");
  EXPECT_EQ(AuditField("type=1400 a: pid=71", "comm"), "");
}

TEST(AuditViolationTest, ControlCharactersDoNotReachTheText) {
  std::string record = kOpen;
  record.replace(record.find("\"cat\""), 5, "1B5B33316D");
  EXPECT_EQ(
      AuditViolationText(Read(record)),
      "DENIED read /etc/shadow own file: \\x1b[31m (process 71, user 0); varmor-shop-web: no rule "
      "allows it");
}

TEST(AuditViolationTest, NamesEverySeccompRuleAboutTheCall) {
  SeccompArtifact seccomp;
  *seccomp.add_rules() = Origin("raw", "deny", "mkdir, mkdirat");
  *seccomp.add_rules() = Origin("other", "deny", "unshare");
  ArtifactSet artifacts;
  artifacts.seccomp = &seccomp;
  const absl::StatusOr<Simulator> simulator = Simulator::Load(ArtifactSet(), SimulateOptions());
  ASSERT_TRUE(simulator.ok());
  AuditViolation violation = Read(kMkdir);
  NameRules(artifacts, *simulator, violation);
  ASSERT_EQ(violation.rules.size(), 1u);
  EXPECT_EQ(violation.rules[0].rule(), "raw");
}

TEST(AuditViolationTest, TheCompilerReadsTheJsonLine) {
  // vArmor's log does not tell the architecture.
  for (const auto& [record, text] : {std::make_pair(kOpen, "read /etc/shadow own file"),
                                     std::make_pair(kMkdir, "syscall mkdir")}) {
    Event event;
    Diagnostics mistakes;
    const std::string line = AuditViolationJson(Read(record));
    ASSERT_TRUE(ParseViolationLine(line, "", event, mistakes)) << line;
    EXPECT_EQ(EventText(event), text) << line;
  }
}

TEST(AuditViolationTest, WritesTheWholeJsonLine) {
  AuditViolation violation = Read(kMkdir);
  violation.profile = "p";
  violation.command = "a\xff\"";
  violation.rules.push_back(Origin("raw", "deny", "mkdir"));
  EXPECT_EQ(AuditViolationJson(violation),
            "{\"level\":\"warn\",\"enforcer\":\"Seccomp\",\"action\":\"DENIED\",\"profileName\":"
            "\"p\",\"pid\":72,\"uid\":1000,\"comm\":\"a\xef\xbf\xbd\\\"\",\"eventTimestamp\":"
            "1700000000,\"time\":\"2023-11-14T22:13:20.123Z\",\"event\":{\"syscall\":\"mkdir\"},"
            "\"rule\":{\"name\":\"raw\",\"field\":\"\",\"text\":\"mkdir\"},\"message\":"
            "\"violation event\"}");
}

}  // namespace
}  // namespace varmor
