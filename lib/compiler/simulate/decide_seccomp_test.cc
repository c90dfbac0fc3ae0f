#include "lib/compiler/simulate/decide_seccomp.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

// "deny EPERM", or the reason where there is no answer.
std::string Decide(const std::string& syscalls, const std::string& event_text,
                   const std::string& members = "") {
  SeccompArtifact artifact;
  artifact.set_json(absl::StrCat(
      R"({"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],)",
      members, R"("syscalls":[)", syscalls, "]}"));
  Event event;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(event_text, &event)) << event_text;
  const absl::StatusOr<SeccompSimulator> simulator = SeccompSimulator::Load(artifact);
  if (!simulator.ok()) return std::string(simulator.status().message());
  const absl::StatusOr<Verdict> verdict = simulator->Decide(event);
  if (!verdict.ok()) return std::string(verdict.status().message());
  if (verdict->outcome == Verdict::Outcome::kUnknown) return "unknown: " + verdict->reason;
  return absl::StrCat(VerdictWord(*verdict), verdict->effect.empty() ? "" : " ", verdict->effect);
}

constexpr char kNoMount[] = R"({"names":["mount"],"action":"SCMP_ACT_ERRNO"})";
constexpr char kNoAlg[] =
    R"({"names":["socket"],"action":"SCMP_ACT_ERRNO","errnoRet":97,
        "args":[{"index":0,"value":38,"op":"SCMP_CMP_EQ"}]})";

TEST(DecideSeccompTest, AnEventIsDeniedWhenEveryWayIs) {
  EXPECT_EQ(Decide(absl::StrCat(kNoMount, R"(,{"names":["fsopen"],"action":"SCMP_ACT_ERRNO"})"),
                   "mount { flags: 'new' }"),
            "deny EPERM");
  EXPECT_EQ(Decide(kNoMount, "mount { flags: 'new' }"),
            "unknown: the calls for it are not judged alike (denied: mount; not: "
            "fsopen+fsconfig+fsmount+move_mount)");
  EXPECT_EQ(Decide(kNoMount, "mount { flags: 'umount' }"), "allow");
}

TEST(DecideSeccompTest, SocketsAreDecidedByTheirNumbers) {
  EXPECT_EQ(Decide(kNoAlg, "socket { domain: 'alg' type: 'seqpacket' }"), "deny EAFNOSUPPORT");
  EXPECT_EQ(Decide(kNoAlg, "socket { domain: 'unix' type: 'stream' }"), "allow");
  EXPECT_EQ(Decide(kNoAlg, "socket { type: 'stream' }"),
            "unknown: socket is denied with some arguments only");
}

// Opening what exists needs no mode, whatever rules say about modes.
TEST(DecideSeccompTest, ReadingAndWritingCreateNothing) {
  const std::string no_x_bit =
      R"({"names":["open"],"action":"SCMP_ACT_ERRNO",
          "args":[{"index":1,"value":64,"valueTwo":64,"op":"SCMP_CMP_MASKED_EQ"},
                  {"index":2,"value":64,"valueTwo":64,"op":"SCMP_CMP_MASKED_EQ"}]},
         {"names":["openat"],"action":"SCMP_ACT_ERRNO",
          "args":[{"index":2,"value":4194304,"valueTwo":4194304,"op":"SCMP_CMP_MASKED_EQ"},
                  {"index":3,"value":64,"valueTwo":64,"op":"SCMP_CMP_MASKED_EQ"}]},
         {"names":["creat"],"action":"SCMP_ACT_ERRNO",
          "args":[{"index":1,"value":64,"valueTwo":64,"op":"SCMP_CMP_MASKED_EQ"}]})";
  for (const char* access : {"READ", "WRITE", "APPEND", "TRUNCATE"}) {
    EXPECT_EQ(Decide(no_x_bit, absl::StrCat("file { path: '/a' access: ", access, " }")), "allow")
        << access;
  }
  EXPECT_EQ(Decide(no_x_bit, "file { path: '/a' access: CREATE }").substr(0, 7), "unknown");
}

// runc 1.1.5; tools/oci tries it.
TEST(DecideSeccompTest, ReasonsNameTheCallsThatRuncAnswersItself) {
  const auto reason = [](const std::string& action, const std::string& names,
                         const std::string& architectures, const std::string& call) {
    SeccompArtifact artifact;
    artifact.set_json(absl::StrCat(R"({"defaultAction":")", action, R"(",)", architectures,
                                   R"("syscalls":[{"names":[)", names,
                                   R"(],"action":"SCMP_ACT_ALLOW"}]})"));
    const auto simulator = SeccompSimulator::Load(artifact);
    if (!simulator.ok()) return std::string(simulator.status().message());
    Event event;
    event.mutable_syscall()->set_name(call);
    const absl::StatusOr<Verdict> verdict = simulator->Decide(event);
    EXPECT_TRUE(verdict.ok() && verdict->outcome == Verdict::Outcome::kDeny) << call;
    return verdict->reason;
  };
  constexpr char kX86[] = R"("architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],)";
  const std::string plain = "no entry is about it, and the profile denies by default";
  const std::string runc =
      plain + "; runc answers ENOSYS, as the call is newer than all that the profile names";
  // On x86_64 mount is 165, statx 332, openat2 437, faccessat2 439.
  const std::string errno_action = "SCMP_ACT_ERRNO";
  EXPECT_EQ(reason(errno_action, R"("statx")", kX86, "openat2"), runc);
  EXPECT_EQ(reason("SCMP_ACT_KILL_PROCESS", R"("statx")", kX86, "openat2"), runc);
  EXPECT_EQ(reason(errno_action, R"("statx")", kX86, "mseal"), runc);
  EXPECT_EQ(reason(errno_action, R"("statx")", kX86, "mount"), plain);
  EXPECT_EQ(reason(errno_action, R"("statx","faccessat2")", kX86, "openat2"), plain);
  // Which release of libseccomp knows mseal is not known here.
  EXPECT_EQ(reason(errno_action, R"("statx","mseal")", kX86, "openat2"), plain);
  EXPECT_EQ(reason(errno_action, R"("statx")", "", "openat2"), plain);
}

TEST(DecideSeccompTest, CapabilitiesAreNotMediated) {
  EXPECT_EQ(Decide(kNoMount, "capability: 'sys_admin'"), "not mediated");
}

TEST(DecideSeccompTest, SocketcallHidesArguments) {
  EXPECT_EQ(Decide(kNoAlg, "syscall { name: 'socket' args: 38 architecture: 'SCMP_ARCH_X86' }"),
            "deny EAFNOSUPPORT");
  EXPECT_EQ(Decide(kNoAlg, "syscall { name: 'socket' args: 1 architecture: 'SCMP_ARCH_X86' }"),
            "unknown: programs of x86 call socket directly or through socketcall, where a filter "
            "does not see its arguments");
}

TEST(DecideSeccompTest, OtherArchitecturesAreKilled) {
  EXPECT_EQ(Decide("", "syscall { name: 'getpid' architecture: 'SCMP_ARCH_X32' }"),
            "audit deny killed");
}

TEST(DecideSeccompTest, WordsThatDoNotExistAreErrors) {
  EXPECT_EQ(Decide("", "syscall { name: 'moumt' }"), "unknown syscall \"moumt\"");
  EXPECT_EQ(Decide("", "syscall { name: 'mount' architecture: 'x86' }"),
            "unknown architecture \"x86\"");
}

TEST(DecideSeccompTest, WhatSomebodyElseDecidesIsUnknown) {
  EXPECT_EQ(Decide(R"({"names":["mount"],"action":"SCMP_ACT_TRACE"})", "syscall { name: 'mount' }"),
            "unknown: a tracer decides");
  EXPECT_EQ(
      Decide(R"({"names":["mount"],"action":"SCMP_ACT_NOTIFY"})", "syscall { name: 'mount' }"),
      "unknown: no container starts with the profile: runc refuses SCMP_ACT_NOTIFY without a "
      "listenerPath");
}

}  // namespace
}  // namespace varmor
