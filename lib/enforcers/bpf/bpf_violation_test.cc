#include "lib/enforcers/bpf/bpf_violation.h"

#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

// BpfMountBit: a new mount, nosuid.
constexpr uint64_t kNewNoSuid = uint64_t{1} << 32 | 2;

varmor_event Record(varmor_event_class event_class, varmor_event_operation operation,
                    uint32_t wanted, uint64_t detail = 0) {
  varmor_event event;
  std::memset(&event, 0, sizeof(event));
  event.version = VARMOR_PROGRAMS_ABI;
  event.event_class = static_cast<uint8_t>(event_class);
  event.operation = static_cast<uint16_t>(operation);
  event.action = VARMOR_EVENT_DENIED;
  event.rule = 3;
  event.tgid = 71;
  event.pid = 72;
  event.wanted = wanted;
  event.detail = detail;
  std::memcpy(event.comm, "cat", 4);
  return event;
}

BpfViolation Decode(varmor_event event, absl::string_view object = "") {
  event.length = static_cast<uint16_t>(object.size());
  std::string bytes(reinterpret_cast<const char*>(&event), sizeof(event));
  bytes.append(object.data(), object.size());
  const absl::StatusOr<BpfViolation> violation = DecodeBpfEvent(bytes);
  EXPECT_TRUE(violation.ok()) << violation.status();
  return violation.ok() ? *violation : BpfViolation();
}

varmor_event With(varmor_event event, const std::vector<uint8_t>& extra) {
  std::memcpy(event.extra, extra.data(), extra.size());
  return event;
}

struct EventCase {
  const char* name;
  varmor_event record;
  const char* object;
  // The event in words, and what is left of it in the log, which has fewer.
  const char* text;
  const char* logged;
};

std::vector<EventCase> EventCases() {
  const std::vector<uint8_t> ipv4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
  const std::vector<uint8_t> ipv6 = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return {
      {"Read", Record(VARMOR_EVENT_FILE, VARMOR_OP_OPEN, VARMOR_ACCESS_READ), "/etc/shadow",
       "read /etc/shadow", "read /etc/shadow"},
      {"Unlink", Record(VARMOR_EVENT_FILE, VARMOR_OP_UNLINK, VARMOR_ACCESS_WRITE), "/a b",
       "unlink \"/a b\"", "write \"/a b\""},
      {"NewName", Record(VARMOR_EVENT_FILE, VARMOR_OP_RENAME, VARMOR_ACCESS_WRITE), "/new",
       "rename to /new", "write /new"},
      {"OldName",
       Record(VARMOR_EVENT_FILE, VARMOR_OP_LINK, VARMOR_ACCESS_WRITE | VARMOR_ACCESS_READ), "/old",
       "link /old to /old", "write /old"},
      {"Exec", Record(VARMOR_EVENT_EXEC, VARMOR_OP_EXEC, VARMOR_ACCESS_EXEC), "/bin/sh",
       "exec /bin/sh", "exec /bin/sh"},
      {"Capability", Record(VARMOR_EVENT_CAPABILITY, VARMOR_OP_CAPABLE, 13), "",
       "capability net_raw", "capability net_raw"},
      {"Socket", Record(VARMOR_EVENT_SOCKET, VARMOR_OP_SOCKET, 2, uint64_t{6} << 32 | 1), "",
       "socket inet stream tcp", "socket inet stream tcp"},
      {"Connect4", With(Record(VARMOR_EVENT_EGRESS, VARMOR_OP_CONNECT, 443), ipv4), "",
       "connect 10.0.0.1:443", "connect 10.0.0.1:443"},
      {"Connect6", With(Record(VARMOR_EVENT_EGRESS, VARMOR_OP_SENDMSG, 53), ipv6), "",
       "connect [fd00::1]:53", "connect [fd00::1]:53"},
      {"Ptrace", Record(VARMOR_EVENT_PTRACE, VARMOR_OP_PTRACE, VARMOR_PTRACE_READ_BY), "",
       "ptrace readby", "ptrace readby"},
      {"Operation", Record(VARMOR_EVENT_OPERATION, VARMOR_OP_USER_NAMESPACE, 1), "",
       "operation CREATE_USER_NAMESPACE", nullptr},
      {"Mount",
       With(Record(VARMOR_EVENT_MOUNT, VARMOR_OP_MOUNT, 0, kNewNoSuid), {'p', 'r', 'o', 'c'}),
       "proc", "mount proc on / type proc options nosuid",
       "mount proc on / type proc options nosuid"},
  };
}

class BpfViolationTest : public testing::TestWithParam<EventCase> {};

TEST_P(BpfViolationTest, IsAQuestionToTheSimulatorAndIsReadBackFromTheLog) {
  const EventCase& c = GetParam();
  const BpfViolation violation = Decode(c.record, c.object);
  const std::optional<Event> event = EventOfViolation(violation);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(EventText(*event), c.text);
  Event parsed;
  Diagnostics mistakes;
  ASSERT_TRUE(ParseEventText(c.text, "", parsed, mistakes));
  if (c.logged == nullptr) return;
  Event read;
  const std::string line = BpfViolationJson(violation);
  ASSERT_TRUE(ParseViolationLine(line, "", read, mistakes))
      << line << "\n"
      << (mistakes.size() > 0 ? FormatDiagnostic(mistakes.list().back()) : "");
  EXPECT_EQ(EventText(read), c.logged) << line;
}

INSTANTIATE_TEST_SUITE_P(Classes, BpfViolationTest, testing::ValuesIn(EventCases()),
                         [](const testing::TestParamInfo<EventCase>& info) {
                           return std::string(info.param.name);
                         });

TEST(BpfViolationTextTest, SaysWhoDidWhatAndWhichRuleDenies) {
  BpfViolation violation =
      Decode(Record(VARMOR_EVENT_FILE, VARMOR_OP_OPEN, VARMOR_ACCESS_READ), "/etc/shadow");
  EXPECT_EQ(BpfViolationText(violation),
            "DENIED read /etc/shadow: cat (process 71, user 0); profile number 0: rule 3");
  violation.profile = "varmor-ns-p";
  violation.origin.emplace();
  violation.origin->set_rule("disallow-read-shadow");
  violation.origin->set_action("deny");
  violation.origin->set_text("file /etc/shadow read");
  EXPECT_EQ(BpfViolationText(violation),
            "DENIED read /etc/shadow: cat (process 71, user 0); varmor-ns-p: disallow-read-shadow "
            "(deny file /etc/shadow read)");
  violation.action = VARMOR_EVENT_ALLOWED;
  violation.rule = -1;
  violation.reason = VARMOR_REASON_UNRESOLVED;
  EXPECT_EQ(BpfViolationText(violation),
            "ALLOWED read /etc/shadow: cat (process 71, user 0); varmor-ns-p: its path cannot be "
            "told");
  violation.reason = VARMOR_REASON_LINK;
  EXPECT_EQ(BpfViolationText(violation),
            "ALLOWED read /etc/shadow: cat (process 71, user 0); varmor-ns-p: its source leads "
            "through a symbolic link");
}

TEST(BpfViolationTextTest, TheLogIsUtf8WhateverThePathIs) {
  const BpfViolation violation =
      Decode(Record(VARMOR_EVENT_FILE, VARMOR_OP_OPEN, VARMOR_ACCESS_READ), "/\xff\"\xc3\xa4");
  EXPECT_NE(BpfViolationJson(violation).find("\"path\":\"/\xef\xbf\xbd\\\"\xc3\xa4\""),
            std::string::npos)
      << BpfViolationJson(violation);
}

TEST(BpfViolationTextTest, WhatIsNoRecordIsAnError) {
  EXPECT_EQ(DecodeBpfEvent("short").status().message(), "a BPF event of 5 bytes is cut");
  varmor_event event = Record(VARMOR_EVENT_FILE, VARMOR_OP_OPEN, VARMOR_ACCESS_READ);
  event.length = 9;
  const std::string cut(reinterpret_cast<const char*>(&event), sizeof(event));
  EXPECT_EQ(DecodeBpfEvent(cut).status().message(),
            "a BPF event with 0 bytes of text instead of 9");
  event.version = 9;
  const std::string other(reinterpret_cast<const char*>(&event), sizeof(event));
  EXPECT_EQ(DecodeBpfEvent(other).status().message(), "a BPF event of ABI 9");
}

}  // namespace
}  // namespace varmor
