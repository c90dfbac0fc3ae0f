#include "runtime/agent/audit_file.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/enforcers/audit/audit_violation.h"
#include "lib/enforcers/testing/temporary_directory.h"

namespace varmor {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kOpen[] =
    "apparmor=\"DENIED\" operation=\"open\" class=\"file\" profile=\"varmor-shop-web\" "
    "name=\"/etc/shadow\" pid=71 comm=\"cat\" requested_mask=\"r\" denied_mask=\"r\" fsuid=0 "
    "ouid=0";
constexpr char kMkdir[] =
    "auid=4294967295 uid=0 gid=0 ses=4294967295 subj=varmor-shop-web pid=72 comm=\"mkdir\" "
    "exe=\"/bin/busybox\" sig=0 arch=c000003e syscall=83 compat=0 ip=0x4e0b2b code=0x50001";

// What AuditLog would have read.
std::string Record(int type, const char* text) {
  return absl::StrCat("type=", type, " audit(1700000000.123:45): ", text);
}

TEST(RecordOfAuditLineTest, LinesOfAuditd) {
  EXPECT_EQ(RecordOfAuditLine(absl::StrCat("type=AVC msg=audit(1700000000.123:45): ", kOpen, "\x1d",
                                           "FSUID=\"root\" OUID=\"root\"")),
            Record(1400, kOpen));
  EXPECT_EQ(RecordOfAuditLine(absl::StrCat(
                "node=n1 type=SECCOMP msg=audit(1700000000.123:45): ", kMkdir, "\x1d",
                "ARCH=x86_64 SYSCALL=mkdir AUID=\"unset\" UID=\"root\" GID=\"root\"\n")),
            Record(1326, kMkdir));
  EXPECT_EQ(
      RecordOfAuditLine(absl::StrCat("type=APPARMOR_DENIED msg=audit(1700000000.123:45): ", kOpen)),
      Record(1503, kOpen));
}

TEST(RecordOfAuditLineTest, LinesOfTheKernelInSyslog) {
  for (const char* head : {
           "Nov 26 08:20:42 node kernel: [ 1234.567890] audit: ",
           "Nov  6 08:20:42 node kernel: audit: ",
           "2026-11-26T08:20:42.123456+00:00 node kernel: [    5.000000] audit: ",
       }) {
    EXPECT_EQ(RecordOfAuditLine(absl::StrCat(head, Record(1400, kOpen))), Record(1400, kOpen));
    EXPECT_EQ(RecordOfAuditLine(absl::StrCat(head, Record(1326, kMkdir))), Record(1326, kMkdir));
  }
}

// What is read is what the reader of records understands.
TEST(RecordOfAuditLineTest, RecordsAreViolations) {
  const std::optional<AuditViolation> open = ReadAuditRecord(
      *RecordOfAuditLine(absl::StrCat("type=AVC msg=audit(1700000000.123:45): ", kOpen)));
  ASSERT_TRUE(open.has_value());
  EXPECT_EQ(open->enforcer, "AppArmor");
  EXPECT_EQ(open->profile, "varmor-shop-web");
  EXPECT_EQ(open->process, 71);
  EXPECT_EQ(open->wall_ms, 1700000000123u);
  const std::optional<AuditViolation> mkdir = ReadAuditRecord(*RecordOfAuditLine(
      absl::StrCat("Nov 26 08:20:42 node kernel: [ 1.5] audit: ", Record(1326, kMkdir))));
  ASSERT_TRUE(mkdir.has_value());
  EXPECT_EQ(mkdir->enforcer, "Seccomp");
  EXPECT_EQ(mkdir->event->syscall().name(), "mkdir");
}

// Programs write to these logs too.
TEST(RecordOfAuditLineTest, WhatProgramsSayIsNoRecord) {
  for (const std::string& line : {
           absl::StrCat("type=USER_AVC msg=audit(1.2:3): msg='", kOpen, "'"),
           absl::StrCat("type=USER msg=audit(1.2:3): pid=1 msg='type=AVC msg=audit(1.2:3): ",
                        kOpen),
           absl::StrCat("Nov 26 08:20:42 node sh: audit: ", Record(1400, kOpen)),
           absl::StrCat("Nov 26 08:20:42 node kernel: [ 1.5] said: audit: ", Record(1400, kOpen)),
           std::string("Nov 26 08:20:42 node kernel: [ 1.5] audit: backlog limit exceeded"),
           std::string("Nov 26 08:20:42 node kernel: [ 1.5"),
           std::string("node="),
           std::string("type="),
           std::string(),
       }) {
    EXPECT_EQ(RecordOfAuditLine(line), std::nullopt) << line;
  }
}

class AuditFileTest : public ::testing::Test {
 protected:
  static std::string Line(int number) {
    return absl::StrCat("type=AVC msg=audit(1.2:", number, "): apparmor=\"DENIED\"\n");
  }
  static std::string Rec(int number) {
    return absl::StrCat("type=1400 audit(1.2:", number, "): apparmor=\"DENIED\"");
  }
  void Append(const std::string& text) { std::ofstream(path_, std::ios::app) << text; }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "audit.log";
  AuditFile file_;
};

TEST_F(AuditFileTest, ItIsFollowedFromItsEnd) {
  EXPECT_EQ(file_.Open(path_).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(file_.Read(), IsEmpty());
  Append(Line(1));
  ASSERT_EQ(file_.Open(path_), absl::OkStatus());
  EXPECT_EQ(file_.path(), path_);
  EXPECT_THAT(file_.Read(), IsEmpty());
  Append("something else\n" + Line(2) + Line(3).substr(0, 20));
  EXPECT_THAT(file_.Read(), ElementsAre(Rec(2)));
  Append(Line(3).substr(20));
  EXPECT_THAT(file_.Read(), ElementsAre(Rec(3)));
  EXPECT_THAT(file_.Read(), IsEmpty());
}

// A log that was renamed may not have a successor for a while.
TEST_F(AuditFileTest, ALogThatIsGoneIsAwaited) {
  Append(Line(1));
  ASSERT_EQ(file_.Open(path_), absl::OkStatus());
  ASSERT_EQ(std::rename(path_.c_str(), (path_ + ".1").c_str()), 0);
  EXPECT_THAT(file_.Read(), IsEmpty());
  ASSERT_EQ(std::remove((path_ + ".1").c_str()), 0);
  EXPECT_THAT(file_.Read(), IsEmpty());
  Append(Line(2));
  EXPECT_THAT(file_.Read(), ElementsAre(Rec(2)));
}

TEST_F(AuditFileTest, TheFirstThatIsThereIsFound) {
  AuditFileFinder none("");
  EXPECT_EQ(none.Find(), nullptr);
  EXPECT_EQ(none.status().message(), "no log is named that has audit records");
  const std::string later = directory_ / "kern.log";
  AuditFileFinder finder(path_ + "|" + later);
  EXPECT_EQ(finder.Find(), nullptr);
  EXPECT_THAT(std::string(finder.status().message()),
              AllOf(HasSubstr("no log with audit records can be read: "),
                    HasSubstr("audit.log: No such file or directory; "),
                    HasSubstr("kern.log: No such file or directory")));
  PutFile(later, "kernel: x\n");
  std::unique_ptr<AuditFile> found = finder.Find();
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->path(), later);
  EXPECT_EQ(finder.status(), absl::OkStatus());
  EXPECT_EQ(finder.Find(), nullptr);
  // The better one comes, and was not there before: all of it is news.
  Append(Line(1));
  found = finder.Find();
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->path(), path_);
  EXPECT_THAT(found->Read(), ElementsAre(Rec(1)));
  EXPECT_EQ(finder.Find(), nullptr);
}

// What was there and could not be read is no news.
TEST_F(AuditFileTest, WhatWasThereBeforeIsOld) {
  ASSERT_EQ(symlink("audit.log", path_.c_str()), 0);  // ELOOP
  AuditFileFinder finder(path_);
  EXPECT_EQ(finder.Find(), nullptr);
  ASSERT_EQ(unlink(path_.c_str()), 0);
  Append(Line(1));
  const std::unique_ptr<AuditFile> found = finder.Find();
  ASSERT_NE(found, nullptr);
  EXPECT_THAT(found->Read(), IsEmpty());
}

TEST_F(AuditFileTest, RotationLosesNothing) {
  Append("");
  ASSERT_EQ(file_.Open(path_), absl::OkStatus());
  std::ofstream old(path_, std::ios::app);
  old << Line(1) << std::flush;
  ASSERT_EQ(std::rename(path_.c_str(), (path_ + ".1").c_str()), 0);
  old << Line(2) << std::flush;
  EXPECT_THAT(file_.Read(), ElementsAre(Rec(1), Rec(2)));
  Append("");  // logrotate's "create"
  EXPECT_THAT(file_.Read(), IsEmpty());
  old << Line(3) << std::flush;  // who writes has not been told yet
  Append(Line(4));
  EXPECT_THAT(file_.Read(), ElementsAre(Rec(3), Rec(4)));
  Append(Line(5));
  EXPECT_THAT(file_.Read(), ElementsAre(Rec(5)));
}

TEST_F(AuditFileTest, ALogThatIsCutIsReadFromItsBeginning) {
  Append(Line(1) + Line(2));
  ASSERT_EQ(file_.Open(path_), absl::OkStatus());
  Append(Line(3) + "half a li");
  EXPECT_THAT(file_.Read(), SizeIs(1));
  ASSERT_EQ(truncate(path_.c_str(), 0), 0);
  EXPECT_THAT(file_.Read(), IsEmpty());
  Append(Line(4));
  EXPECT_THAT(file_.Read(), ElementsAre(Rec(4)));
}

TEST_F(AuditFileTest, WhatIsReadAtOnceIsBounded) {
  Append("");
  ASSERT_EQ(file_.Open(path_), absl::OkStatus());
  for (int i = 0; i < 100; ++i) Append(Line(i));
  std::vector<std::string> all;
  int reads = 0;
  for (size_t before = SIZE_MAX; all.size() != before; ++reads) {
    before = all.size();
    const std::vector<std::string> some = file_.Read(1000);
    EXPECT_LE(some.size(), 1000 / Line(0).size() + 1);
    all.insert(all.end(), some.begin(), some.end());
  }
  EXPECT_THAT(all, SizeIs(100));
  EXPECT_GT(reads, 4);
}

TEST_F(AuditFileTest, ALineWithoutEndTakesNoMemory) {
  Append("");
  ASSERT_EQ(file_.Open(path_), absl::OkStatus());
  Append(std::string(1 << 20, 'x'));
  EXPECT_THAT(file_.Read(), IsEmpty());
  Append(absl::StrCat(std::string(100, 'x'), "\n", Line(1)));
  EXPECT_THAT(file_.Read(), ElementsAre(Rec(1)));
  EXPECT_EQ(file_.too_long(), 1u);
}

}  // namespace
}  // namespace varmor
