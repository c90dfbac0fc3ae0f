#include "lib/compiler/simulate/event_text.h"

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {
namespace {

std::string Rendered(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& d : diagnostics.list()) {
    absl::StrAppend(&out, d.inside.line, ":", d.inside.column, ": ", d.problem, " | ", d.fix, " [",
                    d.code, "]\n");
  }
  return out;
}

std::string Short(const Event& event) { return event.ShortDebugString(); }

struct MeaningCase {
  const char* text;
  // As textproto.
  const char* event;
  // What EventText makes of it; nullptr: `text` again.
  const char* printed = nullptr;
};

constexpr MeaningCase kMeanings[] = {
    {"read /etc/passwd", "file { path: '/etc/passwd' access: READ }"},
    {"write /etc/passwd own file", "file { path: '/etc/passwd' access: WRITE ownership: OWN }"},
    {"append /a foreign file", "file { path: '/a' access: APPEND ownership: FOREIGN }"},
    {"create /a", "file { path: '/a' access: CREATE }"},
    {"unlink /a", "file { path: '/a' access: UNLINK }"},
    {"remove /a", "file { path: '/a' access: UNLINK }", "unlink /a"},
    {"mkdir /a/", "file { path: '/a/' access: MKDIR }"},
    {"rmdir /a", "file { path: '/a' access: RMDIR }"},
    {"mknod /a", "file { path: '/a' access: MKNOD }"},
    {"symlink /a", "file { path: '/a' access: SYMLINK }"},
    {"truncate /a", "file { path: '/a' access: TRUNCATE }"},
    {"chmod /a", "file { path: '/a' access: CHMOD }"},
    {"chown /a", "file { path: '/a' access: CHOWN }"},
    {"lock /a", "file { path: '/a' access: LOCK }"},
    {"map /lib/x.so", "file { path: '/lib/x.so' access: MAP_EXECUTABLE }"},
    {"rename /a to /b", "file { path: '/b' access: RENAME old_path: '/a' }"},
    {"link /a to /b", "file { path: '/b' access: LINK old_path: '/a' }"},
    {"rename to /b", "file { path: '/b' access: RENAME }"},
    {"connect-unix /run/a.sock", "file { path: '/run/a.sock' access: CONNECT }"},
    {"connect /run/a.sock", "file { path: '/run/a.sock' access: CONNECT }",
     "connect-unix /run/a.sock"},
    {"write /dev/sda disk device", "file { path: '/dev/sda' access: WRITE disk_device: true }"},
    {"  WRITE\t/a  ", "file { path: '/a' access: WRITE }", "write /a"},
    {R"(write "/a b\"\\\x41")", R"(file { path: '/a b"\\A' access: WRITE })",
     R"(write "/a b\"\\A")"},
    {R"(write "/a*")", "file { path: '/a*' access: WRITE }"},
    {R"(exec /bin/sh as child_0)", "exec { path: '/bin/sh' } profile: 'child_0'"},
    {"exec /bin/sh own file only apparmor,bpf",
     "exec { path: '/bin/sh' ownership: OWN } enforcers: ['apparmor', 'bpf']"},
    {"capability net_raw", "capability: 'net_raw'"},
    {"capability CAP_SYS_ADMIN", "capability: 'sys_admin'", "capability sys_admin"},
    {"socket inet stream tcp", "socket { domain: 'inet' type: 'stream' protocol: 'tcp' }"},
    {"socket AF_INET6 SOCK_RAW IPPROTO_ICMPV6",
     "socket { domain: 'inet6' type: 'raw' protocol: 'icmpv6' }", "socket inet6 raw icmpv6"},
    {"socket inet seqpacket 132", "socket { domain: 'inet' type: 'seqpacket' protocol: '132' }"},
    {"socket packet raw 0065535 only bpf",
     "socket { domain: 'packet' type: 'raw' protocol: '65535' } enforcers: 'bpf'",
     "socket packet raw 65535 only bpf"},
    {"socket netlink raw 0", "socket { domain: 'netlink' type: 'raw' protocol: '0' }"},
    {"socket unix", "socket { domain: 'unix' type: 'stream' }", "socket unix stream"},
    {"socket netlink only bpf", "socket { domain: 'netlink' type: 'raw' } enforcers: 'bpf'",
     "socket netlink raw only bpf"},
    {"connect 10.0.0.1:443", "connect { ip: '10.0.0.1' port: 443 }"},
    {"connect [fd00::1]:80 udp own address",
     "connect { ip: 'fd00::1' port: 80 protocol: 'udp' own_address: true }"},
    {"ptrace trace", "ptrace { permission: 'trace' }"},
    {"ptrace tracedby by unconfined", "ptrace { permission: 'traceby' peer: 'unconfined' }",
     "ptrace traceby of unconfined"},
    {"ptrace read of varmor-a-b//child_0 same container",
     "ptrace { permission: 'read' peer: 'varmor-a-b//child_0' same_container: true }"},
    {"mount proc on /proc type proc options nosuid,nodev",
     "mount { source: 'proc' target: '/proc' fstype: 'proc' flags: ['new', 'nosuid', 'nodev'] }"},
    {"mount /dev/sda on /mnt type ext4 disk device",
     "mount { source: '/dev/sda' target: '/mnt' fstype: 'ext4' flags: 'new' disk_device: true }"},
    {"mount /a on /b options bind",
     "mount { source: '/a' target: '/b' fstype: 'none' flags: 'bind' }", "bind /a on /b"},
    {"bind /a on /b options ro",
     "mount { source: '/a' target: '/b' fstype: 'none' flags: ['bind', 'ro'] }"},
    {"move /a to /b", "mount { source: '/a' target: '/b' fstype: 'none' flags: 'move' }",
     "move /a on /b"},
    {"umount /a", "mount { source: '/a' target: '/a' fstype: 'none' flags: 'umount' }"},
    {"remount /a options ro",
     "mount { source: '/a' target: '/a' fstype: 'none' flags: ['remount', 'ro'] }"},
    {"make-rprivate /", "mount { source: '/' target: '/' fstype: 'none' flags: 'make-rprivate' }"},
    {"pivot_root /new put_old /new/old",
     "mount { source: '/new/old' target: '/new' fstype: 'none' flags: 'pivot-root' }"},
    {"pivot_root /new", "mount { target: '/new' fstype: 'none' flags: 'pivot-root' }"},
    {"signal kill to unconfined", "signal { signal: 'kill' peer: 'unconfined' access: 'send' }"},
    {"signal SIGTSTP from a", "signal { signal: 'stp' peer: 'a' access: 'receive' }",
     "signal stp from a"},
    {"signal receive 9", "signal { signal: 'kill' access: 'receive' }", "signal receive kill"},
    {"signal 40", "signal { signal: 'rtmin+8' access: 'send' }", "signal rtmin+8"},
    {"signal 0", "signal { signal: 'exists' access: 'send' }", "signal exists"},
    {"syscall unshare(CLONE_NEWUSER|CLONE_NEWNS)", "syscall { name: 'unshare' args: 0x10020000 }",
     "syscall unshare(0x10020000)"},
    {"syscall openat(AT_FDCWD, 0, O_CREAT | O_WRONLY, 0755)",
     "syscall { name: 'openat' args: [0xffffffffffffff9c, 0, 0x41, 0x1ed] }",
     "syscall openat(0xffffffffffffff9c, 0, 0x41, 0x1ed)"},
    {"syscall ptrace(PTRACE_ATTACH, 0x10, -1) on x86",
     "syscall { name: 'ptrace' args: [16, 16, 0xffffffffffffffff] architecture: 'SCMP_ARCH_X86' }",
     "syscall ptrace(0x10, 0x10, 0xffffffffffffffff) on SCMP_ARCH_X86"},
    {"syscall clone3", "syscall { name: 'clone3' }"},
    {"syscall clone3()", "syscall { name: 'clone3' }", "syscall clone3"},
    {"operation create-user-namespace", "operation { name: 'CREATE_USER_NAMESPACE' }",
     "operation CREATE_USER_NAMESPACE"},
};

TEST(EventTextTest, TextsMeanTheirEvents) {
  for (const MeaningCase& c : kMeanings) {
    SCOPED_TRACE(c.text);
    Event want;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(c.event, &want));
    Event got;
    Diagnostics diagnostics;
    EXPECT_TRUE(ParseEventText(c.text, "", got, diagnostics));
    EXPECT_EQ(Rendered(diagnostics), "");
    EXPECT_EQ(Short(got), Short(want));
    EXPECT_EQ(EventText(want), c.printed == nullptr ? c.text : c.printed);
  }
}

struct MistakeCase {
  const char* text;
  const char* rendered;
};

constexpr MistakeCase kMistakes[] = {
    {"", "1:1: the event ends where a verb should be | add a verb [event-incomplete]\n"},
    {"wirte /a", "1:1: unknown verb \"wirte\" | did you mean \"write\"? [unknown-event]\n"},
    {"write", "1:6: the event ends where a path should be | add a path [event-incomplete]\n"},
    {"write etc/passwd",
     "1:7: path \"etc/passwd\" is not absolute | start it with \"/\" [event-path]\n"},
    {"write /a/../b//c",
     "1:7: path \"/a/../b//c\" is not resolved | the kernel judges \"/b/c\" [event-path]\n"},
    {"write /a /b",
     "1:10: unexpected \"/b\" behind the event | leave it out; quote a name that has blanks "
     "[event-syntax]\n"},
    {"write \"/a", "1:7: the quote is never closed | add a \" [event-quotes]\n"},
    {"write \"/a\"b",
     "1:11: text follows the closing quote without a blank | quote the whole word "
     "[event-quotes]\n"},
    {"write /a\"b", "1:9: a quote stands inside a word | quote the whole word [event-quotes]\n"},
    {R"(write "/a\q")",
     "1:10: unknown escape in quotes | write \\\" \\\\ \\n \\r \\t or \\xHH [event-quotes]\n"},
    {"rename /a /b",
     "1:11: \"to\" is expected here | write it as \"rename OLD to NEW\" [event-syntax]\n"},
    {"capability net_rwa",
     "1:12: unknown capability \"net_rwa\" | did you mean \"net_raw\"? [unknown-capability]\n"},
    {"socket inet straem",
     "1:13: unknown socket type \"straem\" | did you mean \"stream\"? [unknown-socket-type]\n"},
    {"socket packet raw 65536",
     "1:19: \"65536\" is no number of a protocol | use a word such as tcp, or a number from 0 to "
     "65535 [unknown-socket-protocol]\n"},
    {"socket inet raw 99999999999999999999",
     "1:17: \"99999999999999999999\" is no number of a protocol | use a word such as tcp, or a "
     "number from 0 to 65535 [unknown-socket-protocol]\n"},
    {"socket inet raw 0x84",
     "1:17: \"0x84\" is no number of a protocol | use a word such as tcp, or a number from 0 to "
     "65535 [unknown-socket-protocol]\n"},
    {"connect example.org:80",
     "1:9: \"example.org\" is not an IP address | a policy sees addresses; look the name up and "
     "write its address [event-address]\n"},
    {"connect 10.0.0.0/8:80",
     "1:9: \"10.0.0.0/8\" is a network, not an address | write one address of the network "
     "[event-address]\n"},
    {"connect [fg00::1]:80",
     "1:9: \"fg00::1\" is not an IP address | write one such as 192.0.2.1 or 2001:db8::1 "
     "[event-address]\n"},
    {"connect :80",
     "1:9: \"\" is not an IP address | write one such as 192.0.2.1 or 2001:db8::1 "
     "[event-address]\n"},
    {"connect 10.0.0.1",
     "1:9: \"10.0.0.1\" is no address with a port | write it as 10.0.0.1:443 or [fd00::1]:443 "
     "[event-address]\n"},
    {"connect fd00::1:80",
     "1:9: where the port begins in \"fd00::1:80\" is not clear | put an IPv6 address in "
     "brackets: [fd00::1]:443 [event-address]\n"},
    {"connect 10.0.0.1:65536",
     "1:18: port \"65536\" is not a number up to 65535 | write it as 10.0.0.1:443 or "
     "[fd00::1]:443 [event-address]\n"},
    {"ptrace attach",
     "1:8: unknown ptrace permission \"attach\" | use one of trace, read, traceby, readby, "
     "tracedby [unknown-ptrace-permission]\n"},
    {"mount proc on /proc",
     "1:20: a new mount is of some file system | add \"type TYPE\", or say \"bind SOURCE on "
     "TARGET\" if that is meant [event-incomplete]\n"},
    {"mount proc /proc type proc",
     "1:12: \"on\" is expected here | write it as \"mount SOURCE on TARGET\" [event-syntax]\n"},
    {"mount proc on /proc type proc options ro,nosiud",
     "1:42: unknown mount option \"nosiud\" | did you mean \"nosuid\"? [unknown-mount-option]\n"},
    {"signal kil", "1:8: unknown signal \"kil\" | did you mean \"kill\"? [unknown-signal]\n"},
    {"signal 65", "1:8: unknown signal \"65\" | write it as kill, rtmin+3 or 9 [unknown-signal]\n"},
    {"syscall unshrae(1)",
     "1:9: unknown system call \"unshrae\" | did you mean \"unshare\"? [unknown-syscall]\n"},
    {"syscall unshare(CLONE_NEWUSR)",
     "1:17: unknown constant \"CLONE_NEWUSR\" | did you mean \"CLONE_NEWUSER\"? "
     "[unknown-constant]\n"},
    {"syscall unshare(1,2,3,4,5,6,7)",
     "1:29: a system call has at most 6 arguments | leave the others out [event-argument]\n"},
    {"syscall unshare(0x10000000000000000)",
     "1:17: \"0x10000000000000000\" is not a number of 64 bits | write it as 10, 0x1f or 0755 "
     "[event-argument]\n"},
    {"syscall unshare(1",
     "1:18: the arguments are not closed | separate them with \",\" and end with \")\" "
     "[event-argument]\n"},
    {"syscall mount(\"proc\")",
     "1:15: an argument is no number and no name | a filter sees numbers: write 0 for a pointer "
     "[event-argument]\n"},
    {"syscall mount on x87",
     "1:18: unknown architecture \"x87\" | did you mean \"SCMP_ARCH_X86\"? "
     "[unknown-architecture]\n"},
    {"operation load_bpf",
     "1:11: unknown operation \"load_bpf\" | use one of CREATE_USER_NAMESPACE, LOAD_BPF_PROGRAM, "
     "ATTACH_SOCKET_FILTER [unknown-operation]\n"},
    {"read /a only bpf,aparmor",
     "1:18: unknown enforcer \"aparmor\" | did you mean \"apparmor\"? [unknown-enforcer]\n"},
    {"capability kill own file",
     "1:17: unexpected \"own\" behind the event | leave it out [event-syntax]\n"},
    {"read /a\nas",
     "2:3: the event ends where a child profile should be | add a child profile "
     "[event-incomplete]\n"},
};

TEST(EventTextTest, MistakesHaveTheirColumnAndAFix) {
  for (const MistakeCase& c : kMistakes) {
    SCOPED_TRACE(c.text);
    Event event;
    Diagnostics diagnostics;
    EXPECT_FALSE(ParseEventText(c.text, "", event, diagnostics));
    EXPECT_EQ(Rendered(diagnostics), c.rendered);
  }
}

TEST(EventTextTest, WarnsOfWildcardsThatAreNotQuoted) {
  Event event;
  Diagnostics diagnostics;
  EXPECT_TRUE(ParseEventText("write /etc/*", "", event, diagnostics));
  EXPECT_EQ(event.file().path(), "/etc/*");
  EXPECT_EQ(Rendered(diagnostics),
            "1:12: an event is about one path, and \"*\" in it is a plain character | write one "
            "path that the pattern covers, or quote the path if this is its name "
            "[event-wildcard]\n");
}

void ExpectRoundTrip(const Event& event) {
  const std::string text = EventText(event);
  SCOPED_TRACE(text);
  Event again;
  Diagnostics diagnostics;
  EXPECT_TRUE(ParseEventText(text, "", again, diagnostics));
  EXPECT_EQ(Rendered(diagnostics), "");
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(event, again))
      << "want " << Short(event) << "\ngot  " << Short(again);
}

TEST(EventTextTest, EveryExampleOfTheCatalogueHasAText) {
  int count = 0;
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    for (const auto* list : {&rule.denies(), &rule.still_allows()}) {
      for (const Event& event : *list) {
        ExpectRoundTrip(event);
        ++count;
      }
    }
  }
  EXPECT_GT(count, 200);
}

// Events with every optional part, from numbers.
class EventMaker {
 public:
  explicit EventMaker(uint32_t seed) : random_(seed) {}

  Event Make() {
    Event event;
    switch (Below(9)) {
      case 0:
        MakeFile(*event.mutable_file());
        break;
      case 1:
        event.mutable_exec()->set_path(Path());
        event.mutable_exec()->set_ownership(static_cast<FileEvent::Ownership>(Below(3)));
        break;
      case 2:
        event.set_capability(Pick({"chown", "net_raw", "checkpoint_restore"}));
        break;
      case 3:
        event.mutable_socket()->set_domain(Pick({"inet", "unix", "netlink", "vsock"}));
        event.mutable_socket()->set_type(Pick({"stream", "dgram", "raw", "packet"}));
        event.mutable_socket()->set_protocol(Pick({"", "tcp", "icmpv6", "0", "132", "65535"}));
        break;
      case 4:
        event.mutable_connect()->set_ip(Pick({"10.0.0.1", "::", "fd00::a", "::ffff:1.2.3.4"}));
        event.mutable_connect()->set_port(static_cast<uint32_t>(Below(65536)));
        event.mutable_connect()->set_own_address(Below(2) == 0);
        event.mutable_connect()->set_protocol(Pick({"", "tcp", "udp"}));
        break;
      case 5:
        event.mutable_ptrace()->set_permission(Pick({"trace", "read", "traceby", "readby"}));
        event.mutable_ptrace()->set_same_container(Below(2) == 0);
        event.mutable_ptrace()->set_peer(Below(2) == 0 ? "" : Word());
        break;
      case 6:
        MakeMount(*event.mutable_mount());
        break;
      case 7: {
        SyscallEvent& syscall = *event.mutable_syscall();
        syscall.set_name(Pick({"unshare", "openat", "clone3"}));
        for (int i = Below(7); i > 0; --i) syscall.add_args(uint64_t{random_()} << Below(40));
        syscall.set_architecture(Pick({"", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64"}));
        break;
      }
      default:
        event.mutable_signal()->set_signal(Pick({"kill", "rtmin+32", "exists", "stp"}));
        event.mutable_signal()->set_access(Pick({"send", "receive"}));
        event.mutable_signal()->set_peer(Below(2) == 0 ? "" : Word());
    }
    if (Below(4) == 0) event.set_profile(Word());
    if (Below(4) == 0) event.add_enforcers("bpf");
    if (Below(8) == 0) event.add_enforcers("seccomp");
    return event;
  }

 private:
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint32_t>(n)); }

  std::string Pick(const std::vector<std::string>& words) {
    return words[static_cast<size_t>(Below(static_cast<int>(words.size())))];
  }

  std::string Characters() {
    std::string out;
    for (int i = 1 + Below(6); i > 0; --i) {
      out += Pick({"a", "b", ".x", " ", "\"", "\\", "*", "\n", "\x01", "\xc3\xa9", "(", ",", "to"});
    }
    return out;
  }

  std::string Word() {
    return Below(2) == 0 ? Characters() : Pick({"on", "to", "own", "as", "type", "same"});
  }

  std::string Path() {
    std::string out;
    for (int i = 1 + Below(3); i > 0; --i) absl::StrAppend(&out, "/", Characters());
    return out;
  }

  void MakeFile(FileEvent& file) {
    file.set_path(Path());
    file.set_access(static_cast<FileEvent::Access>(1 + Below(FileEvent::Access_MAX)));
    file.set_disk_device(Below(4) == 0);
    const bool two = file.access() == FileEvent::LINK || file.access() == FileEvent::RENAME;
    if (two && Below(2) == 0) file.set_old_path(Path());
    file.set_ownership(static_cast<FileEvent::Ownership>(Below(3)));
  }

  void MakeMount(MountEvent& mount) {
    mount.set_source(Below(2) == 0 ? Path() : Word());
    mount.set_target(Below(2) == 0 ? mount.source() : Path());
    if (mount.target()[0] != '/') mount.set_target(Path());
    mount.add_flags(Pick({"new", "bind", "rbind", "move", "umount", "remount", "pivot-root",
                          "make-rslave", "private"}));
    for (int i = Below(3); i > 0; --i) mount.add_flags(Pick({"ro", "nosuid", "rbind", "new"}));
    mount.set_fstype(mount.flags(0) == "new" ? "ext4" : Pick({"none", "proc", "of"}));
    mount.set_disk_device(Below(4) == 0);
  }

  std::mt19937 random_;
};

TEST(EventTextTest, ParsingTheTextOfARandomEventGivesItBack) {
  EventMaker maker(20251125);
  for (int i = 0; i < 20000 && !::testing::Test::HasFailure(); ++i) ExpectRoundTrip(maker.Make());
}

TEST(EventTextTest, AnyBytesAreParsedOrRefusedWithAReason) {
  std::mt19937 random(7);
  const std::vector<std::string> parts = {"write ",
                                          "connect ",
                                          "mount ",
                                          "syscall ",
                                          "unshare",
                                          "(",
                                          ")",
                                          "|",
                                          ",",
                                          "\"",
                                          "\\",
                                          "\\x4",
                                          " on ",
                                          " type ",
                                          "/a",
                                          "[",
                                          "]:",
                                          "-1",
                                          "0x",
                                          "\xff",
                                          " ",
                                          "signal ",
                                          "rtmin+",
                                          "socket ",
                                          "inet ",
                                          " as ",
                                          " only ",
                                          "",
                                          std::string(1, '\0')};
  for (int i = 0; i < 5000; ++i) {
    std::string text;
    for (int j = static_cast<int>(random() % 7); j >= 0; --j)
      text += parts[random() % parts.size()];
    Event event;
    Diagnostics diagnostics;
    const bool good = ParseEventText(text, "", event, diagnostics);
    EXPECT_EQ(good, !diagnostics.HasErrors()) << text;
    if (good) ExpectRoundTrip(event);
  }
}

}  // namespace
}  // namespace varmor
