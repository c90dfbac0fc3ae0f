// Lines of logs to events.
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

struct LineCase {
  const char* name;
  std::string line;
  // EventText; or, beginning with "!", the whole rendered mistake.
  const char* event;
};

std::string AppArmor(absl::string_view rest) {
  return absl::StrCat("[ 1234.5] audit: type=1400 audit(1700000000.123:45): apparmor=\"DENIED\" ",
                      "profile=\"varmor-shop-web\" pid=7 comm=\"cat\" ", rest);
}

std::string Json(absl::string_view enforcer, absl::string_view event) {
  return absl::StrCat(R"({"level":"warn","pid":7,"enforcer":")", enforcer,
                      R"(","action":"DENIED","profileName":"varmor-shop-web","event":)", event,
                      R"(,"message":"violation event"})");
}

std::string Seccomp(absl::string_view rest) {
  return absl::StrCat("type=SECCOMP msg=audit(1700000000.1:9): auid=1 uid=0 pid=7 comm=\"x\" ",
                      "exe=\"/bin/x\" sig=0 ", rest, " compat=0 ip=0x7f00 code=0x50000");
}

const LineCase kLines[] = {
    {"OpenForReading",
     AppArmor(
         R"(operation="open" name="/etc/shadow" requested_mask="r" denied_mask="r" fsuid=0 ouid=0)"),
     "read /etc/shadow own file"},
    {"OpenOfAForeignFile",
     AppArmor(R"(operation="open" name="/a" requested_mask="wr" denied_mask="w" fsuid=1 ouid=0)"),
     "write /a foreign file"},
    {"OnlyTheRefusedPartCounts",
     AppArmor(R"(operation="open" name="/a" requested_mask="wr" denied_mask="r")"), "read /a"},
    {"CreatingByOpen",
     AppArmor(R"(operation="open" name="/a" requested_mask="wc" denied_mask="wc")"), "create /a"},
    {"AuditLogForm",
     R"(type=AVC msg=audit(1.2:3): apparmor="ALLOWED" operation="file_perm" class="file" profile="p" name="/a" pid=1 comm="x" requested_mask="a" denied_mask="a" fsuid=0 ouid=0)",
     "append /a own file"},
    {"JournalForm",
     R"(Nov 25 10:00:00 node1 kernel: audit: type=1400 audit(1.2:3): apparmor="AUDIT" operation="file_lock" profile="p" name="/a" requested_mask="k")",
     "lock /a"},
    {"HexadecimalName",
     AppArmor(R"(operation="unlink" name=2F746D702F6120622A requested_mask="d" denied_mask="d")"),
     "unlink \"/tmp/a b*\""},
    {"Exec",
     AppArmor(
         R"(operation="exec" name="/bin/sh" requested_mask="x" denied_mask="x" fsuid=0 ouid=0)"),
     "exec /bin/sh own file"},
    {"Mmap",
     AppArmor(R"(operation="file_mmap" name="/lib/x.so" requested_mask="rm" denied_mask="m")"),
     "map /lib/x.so"},
    {"Mknod", AppArmor(R"(operation="mknod" name="/dev/x" requested_mask="c" denied_mask="c")"),
     "mknod /dev/x"},
    {"Mkdir", AppArmor(R"(operation="mkdir" name="/a/" requested_mask="c" denied_mask="c")"),
     "mkdir /a/"},
    {"Chown", AppArmor(R"(operation="chown" name="/a" requested_mask="w" denied_mask="w")"),
     "chown /a"},
    {"Link",
     AppArmor(R"(operation="link" name="/b" target="/a" requested_mask="l" denied_mask="l")"),
     "link /a to /b"},
    {"RenameSource",
     AppArmor(R"(operation="rename_src" name="/a" requested_mask="wrd" denied_mask="wd")"),
     "unlink /a"},
    {"RenameDestination",
     AppArmor(R"(operation="rename_dest" name="/b" requested_mask="wc" denied_mask="wc")"),
     "create /b"},
    {"UnixConnect",
     AppArmor(R"(operation="connect" name="/run/a.sock" requested_mask="wr" denied_mask="wr")"),
     "connect-unix /run/a.sock"},
    {"Capable", AppArmor(R"(operation="capable" capability=13 capname="net_raw")"),
     "capability net_raw"},
    {"SocketCreation",
     AppArmor(
         R"(operation="create" family="inet" sock_type="raw" protocol=1 requested_mask="create" denied_mask="create")"),
     "socket inet raw icmp"},
    {"SocketOfAProtocolThatRulesDoNotKnow",
     AppArmor(
         R"(operation="sendmsg" family="inet6" sock_type="dgram" protocol=136 requested_mask="send")"),
     "socket inet6 dgram"},
    {"Ptrace",
     AppArmor(R"(operation="ptrace" requested_mask="trace" denied_mask="trace" peer="unconfined")"),
     "ptrace trace of unconfined"},
    {"PtraceOfTheOtherSide",
     AppArmor(R"(operation="ptrace" requested_mask="tracedby" denied_mask="tracedby" peer="a//b")"),
     "ptrace traceby of a//b"},
    {"Signal",
     AppArmor(
         R"(operation="signal" requested_mask="send" denied_mask="send" signal=kill peer="unconfined")"),
     "signal kill to unconfined"},
    {"SignalReceived",
     AppArmor(
         R"(operation="signal" requested_mask="receive" denied_mask="receive" signal=rtmin+3 peer="x")"),
     "signal rtmin+3 from x"},
    {"Mount",
     AppArmor(
         R"(operation="mount" info="failed flags match" error=-13 name="/proc/" fstype="proc" srcname="proc" flags="rw, nosuid, nodev")"),
     "mount proc on /proc/ type proc options nosuid,nodev"},
    {"Bind", AppArmor(R"(operation="mount" name="/mnt/" srcname="/etc/" flags="rw, rbind")"),
     "rbind /etc/ on /mnt/"},
    {"Remount", AppArmor(R"(operation="mount" name="/mnt/" flags="ro, remount, bind")"),
     "remount /mnt/ options ro,bind"},
    {"Umount", AppArmor(R"(operation="umount" name="/mnt/")"), "umount /mnt/"},
    {"PivotRoot", AppArmor(R"(operation="pivotroot" name="/new/" srcname="/new/old/")"),
     "pivot_root /new/ put_old /new/old/"},
    {"UserNamespace", AppArmor(R"(operation="userns_create" requested="userns_create")"),
     "operation CREATE_USER_NAMESPACE"},
    {"ChildProfile",
     R"(apparmor="DENIED" operation="open" profile="varmor-a-b//child_0" name="/a" requested_mask="r")",
     "read /a as child_0"},
    {"StatusRecord", R"(apparmor="STATUS" operation="profile_load" name="x")",
     "!the record is about loading a profile, not about a violation | paste one with "
     "apparmor=\"DENIED\", \"ALLOWED\" or \"AUDIT\""},
    {"UnknownOperation", AppArmor(R"(operation="dbus_method_call")"),
     "!records of operation \"dbus_method_call\" are not known | say the event in words with "
     "--event, if it has any"},
    {"DisconnectedPath",
     AppArmor(
         R"(operation="open" info="Failed name lookup - disconnected path" name="dev/x" requested_mask="r")"),
     "!the record's name \"dev/x\" is no path of the file system | say the event in words with "
     "--event"},
    {"NoName", AppArmor(R"(operation="open" requested_mask="r")"),
     "!the record has no name= | say the event in words with --event"},
    {"UnknownMask", AppArmor(R"(operation="open" name="/a" requested_mask="z")"),
     "!the record's mask \"z\" names no access | say the event in words with --event"},
    {"UnknownCapability", AppArmor(R"(operation="capable" capname="net_rwa")"),
     "!the line says \"capability net_rwa\": unknown capability \"net_rwa\" | did you mean "
     "\"net_raw\"?"},

    {"SeccompByNumber", Seccomp("arch=c000003e syscall=272"),
     "syscall unshare on SCMP_ARCH_X86_64"},
    {"SeccompInTheKernelsForm",
     "audit: type=1326 audit(1.2:3): pid=1 comm=\"x\" sig=31 arch=40000003 syscall=310 compat=1 "
     "ip=0x1 code=0x0",
     "syscall unshare on SCMP_ARCH_X86"},
    {"SeccompOfX32", Seccomp("arch=c000003e syscall=1073742096"),
     "syscall unshare on SCMP_ARCH_X32"},
    {"SeccompInterpreted", Seccomp("arch=x86_64 syscall=unshare"),
     "syscall unshare on SCMP_ARCH_X86_64"},
    {"SyscallRecordWithArguments",
     "type=SYSCALL msg=audit(1.2:3): arch=c00000b7 syscall=97 success=no exit=-1 a0=10000000 a1=0 "
     "a2=0 a3=7ffc items=0 pid=1",
     "syscall unshare(0x10000000, 0, 0, 0x7ffc) on SCMP_ARCH_AARCH64"},
    {"SeccompOfAnUnknownArchitecture", Seccomp("arch=1234 syscall=1"),
     "!the record's arch \"1234\" is not known | say the event in words with --event"},
    {"SeccompOfAnUnknownNumber", Seccomp("arch=c000003e syscall=9999"),
     "!system call \"9999\" is not known on SCMP_ARCH_X86_64 | say the event in words with "
     "--event"},

    {"JsonWrite",
     Json("BPF", R"({"operation":"File","permissions":["read","write"],"path":"/etc/passwd"})"),
     "write /etc/passwd"},
    {"JsonExec", Json("BPF", R"({"operation":"Bprm","permissions":["exec"],"path":"/bin/sh"})"),
     "exec /bin/sh"},
    {"JsonCapability", Json("BPF", R"({"capability":"CAP_NET_RAW"})"), "capability net_raw"},
    {"JsonSocket",
     Json(
         "BPF",
         R"({"operation":"Network","type":"socket","socket":{"domain":"AF_INET","type":"SOCK_RAW","protocol":"IPPROTO_ICMP"},"address":{}})"),
     "socket inet raw icmp"},
    {"JsonSocketInNumbers", R"({"eventType":"BPF","event":{"domain":2,"type":1,"protocol":6}})",
     "socket inet stream tcp"},
    {"JsonConnect",
     Json(
         "BPF",
         R"({"operation":"Network","type":"connect","socket":{},"address":{"ip":"fd00::1","port":443}})"),
     "connect [fd00::1]:443"},
    {"JsonConnectOfOldVersions", R"({"eventType":"BPF","event":{"ip":"10.0.0.1","port":80}})",
     "connect 10.0.0.1:80"},
    {"JsonPtrace", Json("BPF", R"({"operation":"Ptrace","permission":"read","external":false})"),
     "ptrace read same container"},
    {"JsonMount",
     Json("BPF", R"({"operation":"Mount","path":"proc","type":"proc","flags":["MS_NOSUID"]})"),
     "mount proc on / type proc options nosuid"},
    {"JsonUmount",
     Json("BPF", R"({"operation":"Mount","path":"/mnt","type":"none","flags":["UMOUNT"]})"),
     "umount /mnt"},
    {"JsonAppArmor",
     Json(
         "AppArmor",
         R"({"operation":"open","deniedMask":"r","name":"/a b","fsuid":0,"ouid":1,"profile":"p//child_1","signal":"","netFamily":""})"),
     "read \"/a b\" foreign file as child_1"},
    {"JsonAppArmorCapability", Json("AppArmor", R"({"operation":"capable","name":"sys_admin"})"),
     "capability sys_admin"},
    {"JsonSeccomp", Json("Seccomp", R"({"syscall":"unshare","exe":"/bin/x"})"), "syscall unshare"},
    {"JsonOfAnotherEnforcer", Json("NetworkProxy", R"({"path":"/"})"),
     "!violations of enforcer \"NetworkProxy\" are not known | say the event in words with "
     "--event"},
    {"JsonWithoutEvent", "{\"enforcer\":\"BPF\"}",
     "!the object has no event | paste a line of vArmor's violation log"},
    {"JsonWithUnknownFlag", Json("BPF", R"({"path":"/a","type":"x","flags":["MS_FOO"]})"),
     "!the record has an unknown mount flag \"MS_FOO\" | say the event in words with --event"},

    {"BracesOfSomethingElse", "containerd: created &Container{Name:web,}",
     "!the line is no violation that this tool knows | paste one with apparmor=\"DENIED\", with "
     "type=1326, or of vArmor's log"},
    {"DamagedJson", "{\"enforcer\":\"BPF\",\"event\":}",
     "!the line is not one JSON object: not valid JSON: invalid value; nothing after this place "
     "was "
     "read | paste the whole line"},

    {"Empty", "  ", "!the line is empty | paste a line out of a log"},
    {"SomethingElse", "Nov 25 10:00:00 node1 kernel: eth0: link up",
     "!the line is no violation that this tool knows | paste one with apparmor=\"DENIED\", with "
     "type=1326, or of vArmor's log"},
};

TEST(ViolationLineTest, LinesAreEventsOrSayWhatIsMissing) {
  for (const LineCase& c : kLines) {
    SCOPED_TRACE(c.name);
    Event event;
    Diagnostics diagnostics;
    std::string got;
    if (ParseViolationLine(c.line, "", event, diagnostics)) {
      got = EventText(event);
    } else {
      ASSERT_GT(diagnostics.size(), 0u);
      const Diagnostic& last = diagnostics.list().back();
      got = absl::StrCat("!", last.problem, " | ", last.fix);
    }
    EXPECT_EQ(got, c.event);
  }
}

TEST(ViolationLineTest, WarnsWhenArgumentsAreMissing) {
  Event event;
  Diagnostics diagnostics;
  EXPECT_TRUE(ParseViolationLine(Seccomp("arch=c000003e syscall=272"), "", event, diagnostics));
  ASSERT_EQ(diagnostics.size(), 1u);
  EXPECT_EQ(diagnostics.list()[0].problem, "the record has no arguments; each is taken to be 0");
}

TEST(ViolationLineTest, EveryPrefixOfALineIsReadOrRefused) {
  for (const LineCase& c : kLines) {
    for (size_t length = 0; length < c.line.size(); ++length) {
      Event event;
      Diagnostics diagnostics;
      const bool good = ParseViolationLine(c.line.substr(0, length), "", event, diagnostics);
      EXPECT_EQ(good, !diagnostics.HasErrors()) << c.line.substr(0, length);
    }
  }
}

}  // namespace
}  // namespace varmor
