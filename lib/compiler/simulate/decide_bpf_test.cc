// What an image means: raw rules in, events decided. Verdicts are written "deny 0", "deny audit 0",
// "audit 1", "allow 2" with the number of the responsible rule, "deny audit" for the default of a
// profile that denies what it does not list, and "allow" when no rule says anything.
#include "lib/compiler/simulate/decide_bpf.h"

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "lib/compiler/emit/emit_bpf.h"
#include "lib/compiler/lower/lower_bpf.h"
#include "lib/compiler/normalise/bpf_rules_for_test.h"
#include "proto/builtin_rule.pb.h"
#include "proto/event.pb.h"

namespace varmor {
namespace {

constexpr Action kDeny = {true, false, false};
constexpr Action kAudit = {false, true, false};

BpfSimulator Image(const BpfRules& rules) {
  Diagnostics diagnostics;
  const BpfProfile profile = LowerBpf(rules, "varmor-demo-web", diagnostics).value();
  EXPECT_EQ(DiagnosticsText(diagnostics), "");
  return BpfSimulator::Load(EmitBpf(profile)).value();
}

Event EventOf(const std::string& text) {
  Event event;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &event)) << text;
  return event;
}

std::string VerdictText(const BpfVerdict& verdict) {
  std::string text;
  if (verdict.deny) {
    text = "deny";
  } else if (verdict.would_deny) {
    text = "would-deny";
  }
  if (verdict.audit) absl::StrAppend(&text, text.empty() ? "" : " ", "audit");
  if (text.empty()) text = "allow";
  if (verdict.rule >= 0) absl::StrAppend(&text, " ", verdict.rule);
  return text;
}

std::string Decided(const BpfSimulator& image, const std::string& event) {
  const absl::StatusOr<BpfVerdict> verdict = image.Decide(EventOf(event));
  return verdict.ok() ? VerdictText(*verdict) : verdict.status().ToString();
}

struct Row {
  const char* event;
  const char* verdict;
};

void ExpectVerdicts(const BpfRules& rules, const std::vector<Row>& rows) {
  const BpfSimulator image = Image(rules);
  for (const Row& row : rows) EXPECT_EQ(Decided(image, row.event), row.verdict) << row.event;
}

TEST(DecideBpfTest, Files) {
  ExpectVerdicts(RawRules(R"(files { pattern: "/etc/**" permissions: "write" }
               files { pattern: "/etc/shadow" permissions: "read" qualifiers { words: "audit" } }
               files { pattern: "/log/*" permissions: "append" }
               files { pattern: "/run/x.sock" permissions: "read" })"),
                 {{R"(file { path: "/etc/passwd" access: WRITE })", "deny 0"},
                  {R"(file { path: "/etc/passwd" access: APPEND })", "deny 0"},
                  {R"(file { path: "/etc/passwd" access: READ })", "allow"},
                  {R"(file { path: "/etc/ssl/a/b" access: CREATE })", "deny 0"},
                  {R"(file { path: "/etc/passwd" access: UNLINK })", "deny 0"},
                  {R"(file { path: "/etc/passwd" access: LINK })", "deny 0"},
                  {R"(file { path: "/etc/passwd" access: RENAME })", "deny 0"},
                  {R"(file { path: "/etc/passwd" access: CHMOD })", "deny 0"},
                  {R"(file { path: "/etcetera" access: WRITE })", "allow"},
                  {R"(file { path: "/etc/shadow" access: READ })", "audit 1"},
                  {R"(file { path: "/etc/shadow" access: WRITE })", "deny 0"},
                  {R"(file { path: "/log/a" access: APPEND })", "deny 2"},
                  {R"(file { path: "/log/a" access: WRITE })", "allow"},
                  {R"(file { path: "/log/a/b" access: APPEND })", "allow"},
                  {R"(file { path: "/run/x.sock" access: CONNECT })", "deny 3"},
                  {R"(exec { path: "/etc/passwd" })", "allow"}});
}

TEST(DecideBpfTest, Exec) {
  ExpectVerdicts(RawRules(R"(processes { pattern: "**/ping" permissions: "exec" }
                          files { pattern: "/opt/**" permissions: "all" })"),
                 {{R"(exec { path: "/bin/ping" })", "deny 1"},
                  {R"(exec { path: "/ping" })", "deny 1"},
                  {R"(exec { path: "/bin/ping6" })", "allow"},
                  {R"(exec { path: "/bin/aping" })", "allow"},
                  {R"(exec { path: "/opt/tool" })", "deny 0"},
                  {R"(file { path: "/opt/tool" access: READ })", "deny 0"},
                  {R"(file { path: "/bin/ping" access: READ })", "allow"}});
}

TEST(DecideBpfTest, Capabilities) {
  ExpectVerdicts(
      RawRules(R"(capabilities { names: "net_raw" names: "sys_admin" }
                          capabilities { names: "all" qualifiers { words: "audit" } })"),
      {{R"(capability: "net_raw")", "deny audit 0"},
       {R"(capability: "sys_admin")", "deny audit 0"},
       {R"(capability: "chown")", "audit 1"},
       {R"(capability: "checkpoint_restore")", "audit 1"},
       {R"(capability: "superuser")", "INVALID_ARGUMENT: unknown capability superuser"}});
}

TEST(DecideBpfTest, Sockets) {
  ExpectVerdicts(
      RawRules(R"(network { sockets { domains: "inet" domains: "inet6" types: "raw" }
                         sockets { domains: "packet" }
                         sockets { protocols: "udp" } })"),
      {{R"(socket { domain: "inet" type: "raw" protocol: "icmp" })", "deny 0"},
       {R"(socket { domain: "inet6" type: "raw" })", "deny 0"},
       {R"(socket { domain: "inet" type: "stream" })", "allow"},
       {R"(socket { domain: "netlink" type: "raw" })", "allow"},
       {R"(socket { domain: "packet" type: "dgram" })", "deny 1"},
       {R"(socket { domain: "inet" type: "dgram" })", "deny 2"},
       {R"(socket { domain: "inet6" type: "dgram" protocol: "udp" })", "deny 2"},
       {R"(socket { domain: "unix" type: "dgram" })", "allow"},
       {R"(socket { domain: "inet4" type: "raw" })", "INVALID_ARGUMENT: unknown word inet4"}});
}

TEST(DecideBpfTest, Connects) {
  ExpectVerdicts(RawRules(R"(network { egress {
                 to_destinations { cidr: "10.0.0.0/8" ports { port: 80 end_port: 90 } }
                 to_destinations { ip: "10.1.2.3" qualifiers { words: "audit" } }
                 to_destinations { ip: "localhost" ports { port: 6379 } }
                 to_destinations { cidr: "fd00::/8" } } })"),
                 {{R"(connect { ip: "10.9.9.9" port: 80 })", "deny 0"},
                  {R"(connect { ip: "10.9.9.9" port: 90 })", "deny 0"},
                  {R"(connect { ip: "10.9.9.9" port: 91 })", "allow"},
                  {R"(connect { ip: "10.1.2.3" port: 85 })", "deny audit 0"},
                  {R"(connect { ip: "10.1.2.3" port: 22 })", "audit 1"},
                  {R"(connect { ip: "11.0.0.0" port: 80 })", "allow"},
                  {R"(connect { ip: "127.1.2.3" port: 6379 })", "deny 2"},
                  {R"(connect { ip: "::1" port: 6379 })", "deny 2"},
                  {R"(connect { ip: "0.0.0.0" port: 6379 })", "deny 2"},
                  {R"(connect { ip: "fd12::1" port: 1 })", "deny 3"},
                  {R"(connect { ip: "fe80::1" port: 1 })", "allow"}});
}

// A network of IPv6 says nothing about IPv4, although both families are in one trie.
TEST(DecideBpfTest, EveryIpv6AddressIsNotEveryAddress) {
  ExpectVerdicts(RawRules(R"(network { egress { to_destinations { cidr: "::/0" } } })"),
                 {{R"(connect { ip: "2001:db8::1" port: 80 })", "deny 0"},
                  {R"(connect { ip: "::1" port: 80 })", "deny 0"},
                  {R"(connect { ip: "192.0.2.1" port: 80 })", "allow"},
                  {R"(connect { ip: "::ffff:192.0.2.1" port: 80 })", "allow"}});
  ExpectVerdicts(RawRules(R"(network { egress { to_destinations { cidr: "0.0.0.0/0" } } })"),
                 {{R"(connect { ip: "2001:db8::1" port: 80 })", "allow"},
                  {R"(connect { ip: "192.0.2.1" port: 80 })", "deny 0"},
                  {R"(connect { ip: "::ffff:192.0.2.1" port: 80 })", "deny 0"}});
  ExpectVerdicts(RawRules(R"(network { egress { to_destinations { ports { port: 25 } } } })"),
                 {{R"(connect { ip: "2001:db8::1" port: 25 })", "deny 0"},
                  {R"(connect { ip: "192.0.2.1" port: 25 })", "deny 0"},
                  {R"(connect { ip: "192.0.2.1" port: 80 })", "allow"}});
}

TEST(DecideBpfTest, ThePodsOwnAddresses) {
  const BpfSimulator image = Image(RawRules(R"(network { egress {
      to_destinations { ip: "pod-self" ports { port: 80 } }
      to_destinations { cidr: "10.0.0.0/8" qualifiers { words: "audit" } } } })"));
  std::array<uint8_t, 16> address{};
  address[10] = address[11] = 0xFF;
  address[12] = 10;
  EXPECT_EQ(VerdictText(image.DecideEgress(address, 80, true)), "deny audit 0");
  EXPECT_EQ(VerdictText(image.DecideEgress(address, 80, false)), "audit 1");
  EXPECT_EQ(VerdictText(image.DecideEgress(address, 81, true)), "audit 1");
}

TEST(DecideBpfTest, PtraceBetweenAndWithinContainers) {
  ExpectVerdicts(RawRules(R"(ptrace { permissions: "trace" permissions: "readby" })"),
                 {{R"(ptrace { permission: "trace" })", "deny 0"},
                  {R"(ptrace { permission: "readby" })", "deny 0"},
                  {R"(ptrace { permission: "read" })", "allow"},
                  {R"(ptrace { permission: "trace" same_container: true })", "allow"}});
  ExpectVerdicts(RawRules(R"(ptrace { permissions: "trace" strict_mode: true })"),
                 {{R"(ptrace { permission: "trace" })", "deny 0"},
                  {R"(ptrace { permission: "trace" same_container: true })", "deny 0"},
                  {R"(ptrace { permission: "traceby" same_container: true })", "allow"}});
}

TEST(DecideBpfTest, Mounts) {
  ExpectVerdicts(
      RawRules(R"(mounts { source_pattern: "**" fstype: "proc" flags: "new" }
               mounts { source_pattern: "/host/**" fstype: "none" flags: "bind" flags: "move" }
               mounts { source_pattern: "**" fstype: "none" flags: "umount"
                        qualifiers { words: "audit" } }
               mounts { source_pattern: "/dev/sd*" fstype: "*" flags: "rw" })"),
      {{R"(mount { source: "proc" fstype: "proc" })", "deny 0"},
       {R"(mount { source: "/proc" fstype: "proc" flags: "ro" })", "deny 0"},
       {R"(mount { source: "tmpfs" fstype: "tmpfs" })", "allow"},
       {R"(mount { source: "/host/etc" fstype: "none" flags: "bind" })", "deny 1"},
       {R"(mount { source: "/host/etc" fstype: "none" flags: "rbind" })", "deny 1"},
       {R"(mount { source: "/host/etc" fstype: "none" flags: "move" })", "deny 1"},
       {R"(mount { source: "/etc" fstype: "none" flags: "bind" })", "allow"},
       {R"(mount { source: "/host/etc" fstype: "none" flags: "remount" flags: "ro" })", "allow"},
       {R"(mount { source: "/mnt" fstype: "none" flags: "umount" })", "audit 2"},
       {R"(mount { source: "/dev/sda1" fstype: "ext4" })", "deny 3"},
       {R"(mount { source: "/dev/sda1" fstype: "ext4" flags: "ro" })", "allow"},
       {R"(mount { source: "/x" flags: "rec" })", "INVALID_ARGUMENT: unknown word rec"}});
}

// "rw" is the absence of a flag of mount(2); the calls that have no such flags are not meant.
TEST(DecideBpfTest, AbsentFlagsAreThoseOfMountCalls) {
  ExpectVerdicts(
      RawRules(R"(mounts { source_pattern: "**" fstype: "*" flags: "rw" flags: "suid" })"),
      {{R"(mount { source: "/a" fstype: "ext4" })", "deny 0"},
       {R"(mount { source: "/a" fstype: "ext4" flags: "ro" })", "deny 0"},
       {R"(mount { source: "/a" fstype: "ext4" flags: "ro" flags: "nosuid" })", "allow"},
       {R"(mount { source: "/a" fstype: "none" flags: "umount" })", "allow"},
       {R"(mount { source: "/a" fstype: "none" flags: "pivot-root" })", "allow"}});
  ExpectVerdicts(RawRules(R"(mounts { source_pattern: "**" fstype: "*" flags: "all" })"),
                 {{R"(mount { source: "/a" fstype: "none" flags: "umount" })", "deny 0"},
                  {R"(mount { source: "/a" fstype: "none" flags: "pivot-root" })", "deny 0"}});
}

TEST(DecideBpfTest, PivotRootMovesTheRoot) {
  ExpectVerdicts(RawRules(R"(mounts { source_pattern: "/a/**" fstype: "*" flags: "move" })"),
                 {{R"(mount { source: "/a/b" fstype: "none" flags: "pivot-root" })", "deny 0"},
                  {R"(mount { source: "/b" fstype: "none" flags: "pivot-root" })", "allow"}});
  ExpectVerdicts(RawRules(R"(mounts { source_pattern: "/a/**" fstype: "*" flags: "bind" })"),
                 {{R"(mount { source: "/a/b" fstype: "none" flags: "pivot-root" })", "allow"}});
}

TEST(DecideBpfTest, W23_PropagationDoesNotHitBinds) {
  ExpectVerdicts(RawRules(R"(mounts { source_pattern: "**" fstype: "*" flags: "make-rprivate" })"),
                 {{R"(mount { source: "/a" fstype: "none" flags: "make-rprivate" })", "deny 0"},
                  {R"(mount { source: "/a" fstype: "none" flags: "make-private" })", "allow"},
                  {R"(mount { source: "/a" fstype: "none" flags: "bind" })", "allow"},
                  {R"(mount { source: "/a" fstype: "none" flags: "rbind" })", "allow"},
                  {R"(mount { source: "/a" fstype: "none" flags: "make-rslave" })", "allow"}});
  ExpectVerdicts(RawRules(R"(mounts { source_pattern: "**" fstype: "*" flags: "rbind" })"),
                 {{R"(mount { source: "/a" fstype: "none" flags: "rbind" })", "deny 0"},
                  {R"(mount { source: "/a" fstype: "none" flags: "bind" })", "allow"}});
  ExpectVerdicts(RawRules(R"(mounts { source_pattern: "**" fstype: "*" flags: "private" })"),
                 {{R"(mount { source: "/a" fstype: "none" flags: "rprivate" })", "deny 0"}});
}

TEST(DecideBpfTest, Operations) {
  BpfRules rules;
  rules.operations = {{kDeny, BpfEffects::CREATE_USER_NAMESPACE, {"a", ""}},
                      {kAudit, BpfEffects::LOAD_BPF_PROGRAM, {"b", ""}}};
  ExpectVerdicts(rules,
                 {{R"(operation { name: "CREATE_USER_NAMESPACE" })", "deny 0"},
                  {R"(operation { name: "LOAD_BPF_PROGRAM" })", "audit 1"},
                  {R"(operation { name: "ATTACH_SOCKET_FILTER" })", "allow"},
                  {R"(operation { name: "FLY" })", "INVALID_ARGUMENT: unknown operation FLY"}});
}

// W-21: under vArmor the rules about disks lost their mode on the node and did nothing.
TEST(DecideBpfTest, W21_DiskRulesKeepTheirAction) {
  BpfRules rules = RawRules(R"(files { pattern: "/dev/null" permissions: "read" })");
  rules.disk_devices = {{kDeny, kAccessRead | kAccessWrite, false, {"a", ""}},
                        {kAudit, kAccessRead, false, {"b", ""}},
                        {kDeny, 0, true, {"c", ""}}};
  ExpectVerdicts(
      rules,
      {{R"(file { path: "/dev/sda" access: READ disk_device: true })", "deny audit 1"},
       {R"(file { path: "/any/name" access: WRITE disk_device: true })", "deny 1"},
       {R"(file { path: "/any/name" access: APPEND disk_device: true })", "allow"},
       {R"(file { path: "/dev/null" access: READ disk_device: true })", "deny audit 0"},
       {R"(file { path: "/dev/sda" access: READ })", "allow"},
       {R"(mount { source: "/x" fstype: "ext4" disk_device: true })", "deny 3"},
       {R"(mount { source: "/x" fstype: "ext4" })", "allow"},
       {R"(mount { source: "/x" fstype: "none" flags: "bind" disk_device: true })", "allow"}});
}

TEST(DecideBpfTest, W20_ExactPatternsAreExact) {
  ExpectVerdicts(RawRules(R"(files { pattern: "/etc/passwd" permissions: "all" }
                          processes { pattern: "/bin/sh" permissions: "exec" }
                          mounts { source_pattern: "/dev/sda" fstype: "*" flags: "all" })"),
                 {{R"(file { path: "/etc/passwd" access: READ })", "deny 0"},
                  {R"(file { path: "/etc/passwd.bak" access: READ })", "allow"},
                  {R"(file { path: "/etc/passwd/x" access: READ })", "allow"},
                  {R"(file { path: "/etc/passw" access: READ })", "allow"},
                  {R"(exec { path: "/bin/sh" })", "deny 1"},
                  {R"(exec { path: "/bin/sh4" })", "allow"},
                  {R"(mount { source: "/dev/sdaa" fstype: "ext4" })", "allow"}});
}

TEST(DecideBpfTest, W24_AuditRuleDoesNotLiftADenial) {
  const char* const deny = R"(
      files { pattern: "/a" permissions: "all" }
      capabilities { names: "kill" }
      ptrace { permissions: "all" strict_mode: true }
      network { sockets { domains: "unix" } egress { to_destinations { ip: "192.0.2.1" } } }
      mounts { source_pattern: "/a" fstype: "*" flags: "all" })";
  const char* const audit = R"(
      files { qualifiers { words: "audit" } pattern: "/**" permissions: "all" }
      capabilities { qualifiers { words: "audit" } names: "all" }
      ptrace { qualifiers { words: "audit" } permissions: "all" strict_mode: true }
      network { sockets { qualifiers { words: "audit" } domains: "all" }
                egress { to_destinations { qualifiers { words: "audit" } cidr: "0.0.0.0/0" } } }
      mounts { qualifiers { words: "audit" } source_pattern: "**" fstype: "*" flags: "all" })";
  for (const bool audit_first : {false, true}) {
    Diagnostics diagnostics;
    BpfRules rules = ReadRawRules(audit_first ? audit : deny, RawContext(), diagnostics);
    BpfRawRules more;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(audit_first ? deny : audit, &more));
    AppendBpfRawRules(more, RawContext(), rules, diagnostics);
    const BpfSimulator image = Image(rules);
    for (const char* event :
         {R"(file { path: "/a" access: READ })", R"(exec { path: "/a" })", R"(capability: "kill")",
          R"(ptrace { permission: "trace" same_container: true })",
          R"(ptrace { permission: "read" })", R"(socket { domain: "unix" type: "stream" })",
          R"(connect { ip: "192.0.2.1" port: 1 })", R"(mount { source: "/a" fstype: "x" })"}) {
      const BpfVerdict verdict = image.Decide(EventOf(event)).value();
      EXPECT_TRUE(verdict.deny) << event;
      EXPECT_TRUE(verdict.audit) << event;
    }
  }
}

// Programs pass protocol 0, and there are more protocols than bits.
TEST(DecideBpfTest, W25_ProtocolZeroIsResolved) {
  const BpfSimulator image = Image(RawRules(R"(network {
      sockets { protocols: "tcp" } sockets { protocols: "udp" } sockets { protocols: "icmp" } })"));
  const struct {
    uint32_t domain, type, protocol;
    const char* verdict;
  } rows[] = {
      {2, 1, 0, "deny 0"},         {10, 1, 0, "deny 0"},  {2, 1, 6, "deny 0"},
      {2, 1, 262, "deny 0"},  // MPTCP carries TCP
      {2, 2, 0, "deny 1"},         {10, 2, 17, "deny 1"}, {2, 2, 136, "deny 1"},
      {2, 2, 1, "deny 2"},         {2, 3, 1, "deny 2"},   {10, 2, 58, "deny 2"},
      {10, 3, 58, "deny 2"},       {2, 3, 0, "allow"},    {2, 3, 255, "allow"},
      {2, 5, 132, "allow"},        {2, 3, 65, "allow"},  // 1 + 64
      {2, 3, 70, "allow"},                               // 6 + 64
      {2, 3, 81, "allow"},                               // 17 + 64
      {2, 3, 122, "allow"},                              // 58 + 64
      {2, 3, 0xFFFFFFFF, "allow"}, {1, 1, 0, "allow"},    {1, 2, 0, "allow"},
      {16, 3, 6, "allow"},         {17, 3, 1, "allow"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(VerdictText(image.DecideSocket(row.domain, row.type, row.protocol)), row.verdict)
        << row.domain << " " << row.type << " " << row.protocol;
  }
}

TEST(DecideBpfTest, NumbersThatNoRuleCanNameHaveTheDefault) {
  const BpfSimulator block = Image(RawRules(R"(network { sockets { domains: "inet" } }
                                            capabilities { names: "all" })"));
  EXPECT_EQ(VerdictText(block.DecideSocket(200, 1, 0)), "allow");
  EXPECT_EQ(VerdictText(block.DecideSocket(2, 16, 0)), "allow");
  EXPECT_EQ(VerdictText(block.DecideCapability(41)), "allow");
  EXPECT_EQ(VerdictText(block.DecideCapability(64)), "allow");
  EXPECT_EQ(VerdictText(block.DecideCapability(-1)), "allow");
  EXPECT_EQ(VerdictText(block.DecideOperation(99)), "allow");
  const BpfSimulator list = Image(RawAllowList(R"(network { sockets { domains: "inet" } }
                                               capabilities { names: "all" })"));
  EXPECT_EQ(VerdictText(list.DecideSocket(200, 1, 0)), "deny audit");
  EXPECT_EQ(VerdictText(list.DecideCapability(64)), "deny audit");
}

// Connecting an IPv6 socket to ::ffff:a.b.c.d reaches a.b.c.d.
TEST(DecideBpfTest, W26_MappedAddressesAreCovered) {
  ExpectVerdicts(RawRules(R"(network { egress {
                   to_destinations { ip: "169.254.169.254" }
                   to_destinations { cidr: "::ffff:10.0.0.0/104" } } })"),
                 {{R"(connect { ip: "169.254.169.254" port: 80 })", "deny 0"},
                  {R"(connect { ip: "::ffff:169.254.169.254" port: 80 })", "deny 0"},
                  {R"(connect { ip: "::ffff:a9fe:a9fe" port: 80 })", "deny 0"},
                  {R"(connect { ip: "10.200.3.4" port: 80 })", "deny 1"},
                  {R"(connect { ip: "::ffff:10.200.3.4" port: 80 })", "deny 1"},
                  {R"(connect { ip: "11.0.0.1" port: 80 })", "allow"},
                  {R"(connect { ip: "::10.0.0.1" port: 80 })", "allow"}});
}

TEST(DecideBpfTest, ProfilesThatDenyByDefault) {
  ExpectVerdicts(RawAllowList(R"(
        files { pattern: "/usr/**" permissions: "read" }
        files { pattern: "/usr/secret" permissions: "read" qualifiers { words: "deny" } }
        files { pattern: "/usr/watched" permissions: "read"
                qualifiers { words: "allow" words: "audit" } }
        processes { pattern: "/usr/bin/*" permissions: "exec" }
        network { sockets { domains: "inet" types: "stream" }
                  egress { to_destinations { cidr: "10.0.0.0/8" ports { port: 443 } } } }
        ptrace { permissions: "read" }
        mounts { source_pattern: "tmpfs" fstype: "tmpfs" flags: "new" }
        capabilities { names: "chown" })"),
                 {{R"(file { path: "/usr/lib/x" access: READ })", "allow 0"},
                  {R"(file { path: "/usr/lib/x" access: WRITE })", "deny audit"},
                  {R"(file { path: "/usr/lib/x" access: CONNECT })", "deny audit"},
                  {R"(file { path: "/usr/secret" access: READ })", "deny 1"},
                  {R"(file { path: "/usr/watched" access: READ })", "audit 2"},
                  {R"(file { path: "/etc/passwd" access: READ })", "deny audit"},
                  {R"(exec { path: "/usr/bin/cat" })", "allow 3"},
                  {R"(exec { path: "/usr/lib/x" })", "deny audit"},
                  {R"(socket { domain: "inet" type: "stream" })", "allow 4"},
                  {R"(socket { domain: "inet" type: "dgram" })", "deny audit"},
                  {R"(connect { ip: "10.0.0.1" port: 443 })", "allow 5"},
                  {R"(connect { ip: "10.0.0.1" port: 80 })", "deny audit"},
                  {R"(connect { ip: "192.0.2.1" port: 443 })", "deny audit"},
                  {R"(ptrace { permission: "read" })", "allow 6"},
                  {R"(ptrace { permission: "trace" })", "deny audit"},
                  {R"(ptrace { permission: "trace" same_container: true })", "allow"},
                  {R"(mount { source: "tmpfs" fstype: "tmpfs" })", "allow 7"},
                  {R"(mount { source: "tmpfs2" fstype: "tmpfs" })", "deny audit"},
                  {R"(mount { source: "/tmpfs" fstype: "tmpfs" })", "deny audit"},
                  {R"(mount { source: "/t" fstype: "none" flags: "bind" })", "deny audit"},
                  {R"(capability: "chown")", "allow 8"},
                  {R"(capability: "kill")", "deny audit"},
                  {R"(operation { name: "LOAD_BPF_PROGRAM" })", "allow"}});
}

TEST(DecideBpfTest, ComplainingProfilesReportAndDenyNothing) {
  BpfRules rules = RawAllowList(
      R"(files { pattern: "/a" permissions: "read" }
         files { pattern: "/b" permissions: "read" qualifiers { words: "deny" } })");
  rules.complain = true;
  ExpectVerdicts(rules, {{R"(file { path: "/a" access: READ })", "allow 0"},
                         {R"(file { path: "/b" access: READ })", "would-deny 1"},
                         {R"(file { path: "/c" access: READ })", "would-deny audit"},
                         {R"(capability: "kill")", "would-deny audit"},
                         {R"(mount { source: "/x" fstype: "y" })", "would-deny audit"}});
}

TEST(DecideBpfTest, KindsThatNoProgramSeesAreSaidToBeSo) {
  const BpfSimulator image = Image(BpfRules());
  for (const char* event : {R"(syscall { name: "clone" })", R"(signal { signal: "kill" })", ""}) {
    EXPECT_EQ(Decided(image, event), "UNIMPLEMENTED: no BPF program sees this kind of event");
  }
}

// A path that does not fit the buffer cannot be judged.
TEST(DecideBpfTest, PathsThatAreTooLongAreDeniedWhereRulesAskForThem) {
  const std::string longest = "/" + std::string(4094, 'a');
  const std::string over = longest + "a";
  BpfRules rules = RawRules(R"(files { pattern: "/a**" permissions: "read" }
                            mounts { source_pattern: "/a**" fstype: "*" flags: "all" })");
  const BpfSimulator image = Image(rules);
  EXPECT_EQ(VerdictText(image.DecideFile(longest, kAccessRead, false)), "deny 0");
  EXPECT_EQ(VerdictText(image.DecideFile(longest, kAccessWrite, false)), "allow");
  EXPECT_EQ(VerdictText(image.DecideFile(over, kAccessRead, false)), "deny audit");
  EXPECT_EQ(VerdictText(image.DecideFile(over, kAccessWrite, false)), "deny audit");
  EXPECT_EQ(VerdictText(image.DecideMount(over, "ext4", kMountNew, false)), "deny audit");
  EXPECT_EQ(VerdictText(image.DecideExec(over)), "allow") << "no rule asks for a path";
  rules.complain = true;
  EXPECT_EQ(VerdictText(Image(rules).DecideFile(over, kAccessRead, false)), "would-deny audit");
}

// Rules of every kind, so many that subsets differ, and events that they are about.
constexpr const char* kPool[] = {
    R"(files { pattern: "/a/**" permissions: "read" })",
    R"(files { pattern: "/a/b" permissions: "all" })",
    R"(files { pattern: "**/b" permissions: "write" })",
    R"(processes { pattern: "/a/*" permissions: "exec" })",
    R"(network { sockets { domains: "inet" } })",
    R"(network { sockets { protocols: "tcp" } })",
    R"(network { egress { to_destinations { cidr: "10.0.0.0/8" } } })",
    R"(network { egress { to_destinations { ip: "10.0.0.1" ports { port: 80 } } } })",
    R"(network { egress { to_destinations { ports { port: 80 end_port: 443 } } } })",
    R"(ptrace { permissions: "trace" strict_mode: true })",
    R"(mounts { source_pattern: "**" fstype: "none" flags: "bind" })",
    R"(mounts { source_pattern: "/a" fstype: "*" flags: "ro" })",
    R"(capabilities { names: "kill" })",
    R"(capabilities { names: "all" })",
};
constexpr const char* kEvents[] = {
    R"(file { path: "/a/b" access: READ })",
    R"(file { path: "/a/b" access: WRITE })",
    R"(file { path: "/b" access: CREATE })",
    R"(exec { path: "/a/c" })",
    R"(exec { path: "/a/b" })",
    R"(socket { domain: "inet" type: "stream" })",
    R"(socket { domain: "inet6" type: "stream" })",
    R"(connect { ip: "10.0.0.1" port: 80 })",
    R"(connect { ip: "10.0.0.2" port: 22 })",
    R"(connect { ip: "192.0.2.1" port: 443 })",
    R"(ptrace { permission: "trace" same_container: true })",
    R"(mount { source: "/a" fstype: "none" flags: "bind" })",
    R"(mount { source: "/a" fstype: "ext4" flags: "ro" })",
    R"(capability: "kill")",
    R"(capability: "chown")",
};

void Append(const char* rule, const Action& action, BpfRules& rules) {
  BpfRawRules raw;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(rule, &raw));
  BpfRawRulesContext context = RawContext();
  context.default_action = action;
  context.knows_allow = true;
  Diagnostics diagnostics;
  AppendBpfRawRules(raw, context, rules, diagnostics);
  ASSERT_EQ(DiagnosticsText(diagnostics), "");
}

TEST(DecideBpfTest, OneMoreRuleThatDeniesOrAuditsNeverAllowsMore) {
  std::mt19937 random(11);
  int denied = 0;
  for (int round = 0; round < 150; ++round) {
    BpfRules rules;
    rules.default_deny = random() % 2 == 0;
    for (const char* rule : kPool) {
      const uint32_t kind = random() % 5;
      if (kind > 2) continue;
      Append(rule, {kind == 0, kind == 1, kind == 2}, rules);
    }
    BpfRules more = rules;
    Append(kPool[random() % std::size(kPool)], random() % 2 == 0 ? kDeny : kAudit, more);
    const BpfSimulator before = Image(rules);
    const BpfSimulator after = Image(more);
    for (const char* event : kEvents) {
      if (!before.Decide(EventOf(event))->deny) continue;
      ++denied;
      EXPECT_TRUE(after.Decide(EventOf(event))->deny) << "round " << round << ": " << event;
    }
  }
  EXPECT_GT(denied, 500);
}

TEST(DecideBpfTest, OneMoreRuleThatAllowsNeverLiftsAnExplicitDenial) {
  std::mt19937 random(12);
  int denied = 0;
  for (int round = 0; round < 100; ++round) {
    BpfRules rules;
    rules.default_deny = true;
    for (const char* rule : kPool) {
      if (random() % 3 == 0) Append(rule, kDeny, rules);
    }
    BpfRules more = rules;
    for (const char* rule : kPool) Append(rule, {false, false, true}, more);
    const BpfSimulator before = Image(rules);
    const BpfSimulator after = Image(more);
    for (const char* event : kEvents) {
      const BpfVerdict verdict = before.Decide(EventOf(event)).value();
      const bool explicitly = verdict.rule >= 0;
      EXPECT_EQ(after.Decide(EventOf(event))->deny, explicitly) << event;
      denied += explicitly ? 1 : 0;
    }
  }
  EXPECT_GT(denied, 300);
}

}  // namespace
}  // namespace varmor
