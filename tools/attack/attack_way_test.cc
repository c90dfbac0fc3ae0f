// The lines that events become.
#include "tools/attack/attack_way.h"

#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

constexpr pid_t kStranger = 77;

Event Parse(const std::string& text) {
  Event event;
  Diagnostics diagnostics;
  EXPECT_TRUE(ParseEventText(text, "event", event, diagnostics)) << text;
  return event;
}

std::string PlainLine(const std::string& text) {
  const auto ways = AttackWays(Parse(text), kStranger);
  if (!ways.ok()) return std::string(ways.status().message());
  return absl::StrReplaceAll(ways->front().line, {{"\t", " "}});
}

std::string Names(const std::string& text) {
  const auto ways = AttackWays(Parse(text), kStranger);
  return absl::StrJoin(ways.value(), " ", [](std::string* out, const AttackWay& way) {
    out->append(way.name.empty() ? "plain" : way.name);
  });
}

struct LineCase {
  const char* event;
  const char* line;
};

constexpr LineCase kLines[] = {
    {"read /etc/passwd", "file read /etc/passwd "},
    {"map /usr/lib/libc.so.6", "file map_executable /usr/lib/libc.so.6 "},
    {"rename /a to /b", "file rename /b /a"},
    {"exec /bin/sh", "exec /bin/sh"},
    {"capability net_raw", "capability net_raw"},
    {"socket inet raw icmp", "socket 2 3 1"},
    {"socket inet6 raw icmpv6", "socket 10 3 58"},
    {"socket netlink", "socket 16 3 0"},
    {"socket alg seqpacket", "socket 38 5 0"},
    {"connect 10.0.0.1:80", "connect 10.0.0.1 80"},
    {"connect [fd00::1]:53 udp", "connect/udp fd00::1 53"},
    {"ptrace trace", "ptrace trace 77"},
    {"ptrace read same container", "ptrace read 0"},
    {"ptrace traceby", "the other process would have to act"},
    {"mount proc on /mnt type proc options nosuid", "mount new proc /mnt proc 2"},
    {"rbind /sys on /mnt", "mount bind /sys /mnt none 20480"},
    {"remount /mnt options ro", "mount remount /mnt /mnt none 33"},
    {"umount /mnt", "mount umount /mnt /mnt none 0"},
    {"make-rprivate /", "mount propagation / / none 278528"},
    {"syscall unshare(0x10000000) on x86", "syscall/i386 310 268435456"},
    {"signal term to unconfined", "signal 15 77"},
    {"operation LOAD_BPF_PROGRAM", "operation LOAD_BPF_PROGRAM"},
};

TEST(AttackWayTest, ThePlainWayIsTheEventInTheAttackersWords) {
  for (const LineCase& row : kLines) EXPECT_EQ(PlainLine(row.event), row.line) << row.event;
}

TEST(AttackWayTest, AttacksHaveWaysAround) {
  EXPECT_EQ(Names("read /etc/passwd"),
            "plain proc_root proc_cwd relative dotted symlink chroot io_uring unshare daemon "
            "open_tree");
  EXPECT_EQ(Names("create /etc/passwd"), "plain reading tmpfile");
  EXPECT_EQ(Names("rename /a to /b"), "plain exchange exchange_back");
  EXPECT_EQ(Names("read /proc/kallsyms"), "plain procfs io_uring unshare daemon");
  EXPECT_EQ(Names("unlink /etc/passwd"), "plain");
  EXPECT_EQ(Names("exec /bin/sh"),
            "plain proc_root relative dotted symlink chroot fexecve dirfd deleted script loader "
            "applet");
  EXPECT_EQ(Names("connect 10.0.0.1:80"), "plain udp sendto fastopen io_uring unspecified mapped");
  EXPECT_EQ(Names("connect [fd00::1]:80"), "plain udp sendto fastopen io_uring");
  EXPECT_EQ(Names("mount tmpfs on /mnt type tmpfs"), "plain new_api detached flag_512 no_source");
  EXPECT_EQ(Names("mount /dev/sda on /mnt type ext4 disk device"),
            "plain new_api detached flag_512");
  EXPECT_EQ(Names("bind /proc on /mnt"), "plain new_api relative dotted symlink");
  EXPECT_EQ(Names("move /srv to /mnt"), "plain new_api symlink");
  EXPECT_EQ(Names("remount /mnt"), "plain new_api mount_setattr");
  EXPECT_EQ(Names("make-rprivate /"), "plain");
  EXPECT_EQ(Names("operation CREATE_USER_NAMESPACE"), "plain clone clone3");
  EXPECT_EQ(Names("operation ATTACH_SOCKET_FILTER"), "plain 50 51 52");
  EXPECT_EQ(Names("capability sys_admin"), "plain userns userns_at_once all all_but_sys_resource");
  EXPECT_EQ(Names("ptrace trace"), "plain seize process_vm_writev");
  EXPECT_EQ(Names("ptrace read"), "plain root maps no_perfmon");
  EXPECT_EQ(Names("ptrace trace same container"), "plain seize process_vm_writev traceme");
}

TEST(AttackWayTest, OtherProcessesHaveToBeInSight) {
  EXPECT_TRUE(NeedsStranger(Parse("ptrace trace")));
  EXPECT_FALSE(NeedsStranger(Parse("ptrace trace same container")));
  EXPECT_EQ(AttackWays(Parse("ptrace trace"), 0).status().message(),
            "no process outside the container is in sight");
}

struct ReachedCase {
  const char* event;
  const char* outcome;
  bool reached;
};

constexpr ReachedCase kReached[] = {
    {"read /etc/passwd", "ok", true},
    {"read /etc/passwd", "errno 2", false},
    {"read /etc/passwd", "unprepared no disk", false},
    {"connect 10.0.0.1:80", "errno 101", true},
    {"connect 10.0.0.1:80", "errno 1", false},
    {"mount x on /mnt type cgroup", "errno 16", true},
    {"mount x on /mnt type cgroup", "errno 1", false},
    {"syscall mount", "errno 14", true},
    {"syscall mount", "errno 38", false},
    {"syscall mount", "signal 31", false},
    {"capability net_raw", "ignored", false},
};

TEST(AttackWayTest, ErrorsBehindTheChecksAreNoRefusals) {
  for (const ReachedCase& row : kReached) {
    EXPECT_EQ(Reached(Parse(row.event), row.outcome), row.reached)
        << row.event << ": " << row.outcome;
  }
}

}  // namespace
}  // namespace varmor
