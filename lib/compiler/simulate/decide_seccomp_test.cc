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
