#include "lib/compiler/lower/lower_bpf.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/emit/emit_bpf.h"
#include "lib/compiler/network/parse_address.h"
#include "lib/compiler/simulate/decide_bpf.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;

constexpr Action kDeny = {true, false, false};
constexpr Action kAudit = {false, true, false};
constexpr Action kAuditDeny = {true, true, false};
constexpr Action kAllow = {false, false, true};
constexpr uint32_t kReadWrite = kAccessRead | kAccessWrite | kAccessAppend;

Origin Raw(const std::string& field) { return {"raw", field}; }

BpfFile File(const std::string& pattern, uint32_t access, Action action = kDeny,
             const std::string& field = "spec.f") {
  return {action, access, PathPattern::Parse(pattern).value(), Raw(field)};
}

BpfEgress Egress(const std::string& cidr, std::vector<PortRange> ports, Action action = kDeny) {
  BpfEgress rule;
  rule.action = action;
  rule.prefixes = {ParseCidr(cidr).value()};
  rule.ports = std::move(ports);
  rule.origin = Raw("spec.e");
  return rule;
}

BpfMount Mount(const std::string& source, const std::string& fstype, uint64_t any,
               Action action = kDeny) {
  return {action, PathPattern::Parse(source).value(), fstype, any, 0, Raw("spec.m")};
}

// The profile; any diagnostic is a failure.
BpfProfile Lower(const BpfRules& rules) {
  Diagnostics diagnostics;
  absl::StatusOr<BpfProfile> profile = LowerBpf(rules, "varmor-demo-web", diagnostics);
  for (const Diagnostic& d : diagnostics.list()) ADD_FAILURE() << FormatDiagnostic(d);
  return std::move(profile).value();
}

BpfSimulator Image(const BpfRules& rules) {
  return BpfSimulator::Load(EmitBpf(Lower(rules))).value();
}

// What LowerBpf reports, rendered.
std::string Problems(const BpfRules& rules, const BpfLimits& limits = {}) {
  Diagnostics diagnostics;
  EXPECT_TRUE(LowerBpf(rules, "varmor-demo-web", diagnostics, limits).ok());
  std::string out;
  for (const Diagnostic& d : diagnostics.list()) absl::StrAppend(&out, FormatDiagnostic(d));
  return out;
}

std::vector<std::string> RuleLines(const BpfProfile& profile) {
  std::vector<std::string> lines;
  for (const RuleOrigin& rule : profile.rules) {
    lines.push_back(
        absl::StrCat(rule.action(), " ", rule.text(), " # ", rule.rule(), " ", rule.field()));
  }
  return lines;
}

TEST(LowerBpfTest, NoRulesNeedNoTables) {
  const BpfProfile profile = Lower(BpfRules());
  EXPECT_EQ(profile.name, "varmor-demo-web");
  EXPECT_EQ(profile.header.abi, VARMOR_BPF_ABI);
  EXPECT_EQ(profile.header.rule_count, 0u);
  EXPECT_EQ(profile.header.default_deny, 0u);
  EXPECT_EQ(profile.header.flags, 0u);
  EXPECT_TRUE(profile.pages.empty());
  EXPECT_TRUE(profile.sockets.empty());
  EXPECT_TRUE(profile.addresses.empty());
  EXPECT_TRUE(profile.ports.empty());
  EXPECT_FALSE(profile.needs_disk_devices);
}

TEST(LowerBpfTest, ModesAreInTheHeader) {
  BpfRules rules;
  rules.complain = true;
  rules.default_deny = true;
  const BpfProfile profile = Lower(rules);
  EXPECT_TRUE(profile.complain);
  EXPECT_EQ(profile.header.flags, VARMOR_PROFILE_COMPLAIN);
  EXPECT_EQ(profile.header.default_deny, VARMOR_CLASS_ALL);
}

TEST(LowerBpfTest, ProfilesThatDenyNothingComplain) {
  BpfRules rules;
  EXPECT_FALSE(Lower(rules).complain);
  BpfCapability rule;
  rule.mask = 1;
  rule.action.audit = true;
  rules.capabilities = {rule};
  EXPECT_TRUE(Lower(rules).complain);
  EXPECT_EQ(Lower(rules).header.flags, VARMOR_PROFILE_COMPLAIN);
  rule.mask = 2;
  rule.action.deny = true;
  rules.capabilities.push_back(rule);
  EXPECT_FALSE(Lower(rules).complain);
  EXPECT_EQ(Lower(rules).header.flags, 0u);
}

TEST(LowerBpfTest, W29_RulesThatSayTheSameAreNumberedOnceAlsoBuiltInOnes) {
  BpfRules rules;
  rules.files = {File("/proc/**/mem", kReadWrite), File("/proc/**/mem", kReadWrite),
                 File("/proc/**/mem", kReadWrite, kAudit), File("/proc/**/mem", kAccessRead)};
  rules.files[0].origin = {"runtime-default", ""};
  rules.egress = {Egress("169.254.169.254/32", {}), Egress("169.254.169.254/32", {})};
  rules.egress[0].origin = {"disallow-metadata-service", "spec.r[0]"};
  rules.capabilities = {{kDeny, 1 << 13, Raw("spec.c[0]")}, {kDeny, 1 << 13, Raw("spec.c[1]")}};
  const BpfProfile profile = Lower(rules);
  EXPECT_THAT(RuleLines(profile),
              ElementsAre("deny file /proc/**/mem read,write,append # runtime-default ",
                          "audit file /proc/**/mem read,write,append # raw spec.f",
                          "deny file /proc/**/mem read # raw spec.f",
                          "deny egress 169.254.169.254 # disallow-metadata-service spec.r[0]",
                          "deny capability net_raw # raw spec.c[0]"));
  EXPECT_EQ(profile.header.rule_count, 5u);
}

TEST(LowerBpfTest, RulesThatDifferInAnythingAreNotTheSame) {
  BpfRules rules;
  rules.mounts = {Mount("**", "proc", kMountNew), Mount("**", "proc", kMountBind),
                  Mount("**", "sysfs", kMountNew), Mount("/a", "proc", kMountNew),
                  Mount("**", "proc", kMountNew, kAuditDeny)};
  rules.ptrace = {{kDeny, kPtraceRead, false, Raw("p")}, {kDeny, kPtraceRead, true, Raw("p")}};
  rules.egress = {Egress("10.0.0.0/8", {}), Egress("10.0.0.0/8", {{80, 80}}),
                  Egress("10.0.0.0/9", {})};
  rules.disk_devices = {{kDeny, kAccessRead, false, Raw("d")}, {kDeny, 0, true, Raw("d")}};
  EXPECT_EQ(Lower(rules).rules.size(), 12u);
}

TEST(LowerBpfTest, W24_ALaterRuleNeverWeakensAnEarlierOne) {
  BpfRules rules;
  rules.ptrace = {{kDeny, kPtraceTrace | kPtraceRead, false, {"runtime-default", ""}},
                  {kAudit, kPtraceRead, true, Raw("spec.ptrace")}};
  const varmor_profile header = Lower(rules).header;
  EXPECT_EQ(header.ptrace_other.deny, VARMOR_PTRACE_TRACE | VARMOR_PTRACE_READ);
  EXPECT_EQ(header.ptrace_other.audit, VARMOR_PTRACE_READ);
  EXPECT_EQ(header.ptrace_other.deny_rule[2], 0);
  EXPECT_EQ(header.ptrace_other.audit_rule[2], 1);
  EXPECT_EQ(header.ptrace_other.audit_rule[1], VARMOR_NO_RULE);
  // Strict is about the rule that says it, and no other.
  EXPECT_EQ(header.ptrace_same.deny, 0u);
  EXPECT_EQ(header.ptrace_same.audit, VARMOR_PTRACE_READ);

  rules = BpfRules();
  rules.capabilities = {{kDeny, 1 << 13 | 1 << 21, Raw("a")}, {kAudit, 1 << 13, Raw("b")}};
  const varmor_profile capabilities = Lower(rules).header;
  EXPECT_EQ(capabilities.capability_deny, (1u << 13 | 1u << 21));
  EXPECT_EQ(capabilities.capability_audit, 1u << 13);
  EXPECT_EQ(capabilities.capability_deny_rule[13], 0);
  EXPECT_EQ(capabilities.capability_audit_rule[13], 1);
  EXPECT_EQ(capabilities.capability_audit_rule[21], VARMOR_NO_RULE);
  EXPECT_EQ(capabilities.capability_allow_rule[13], VARMOR_NO_RULE);
}

TEST(LowerBpfTest, W20_AnExactPatternMatchesItselfOnly) {
  BpfRules rules;
  rules.files = {File("/etc/passwd", kAccessRead)};
  const BpfSimulator image = Image(rules);
  EXPECT_TRUE(image.DecideFile("/etc/passwd", kAccessRead, false).deny);
  EXPECT_FALSE(image.DecideFile("/etc/passwd.bak", kAccessRead, false).deny);
  EXPECT_FALSE(image.DecideFile("/etc/passwd-", kAccessRead, false).deny);
  EXPECT_FALSE(image.DecideFile("/etc/passw", kAccessRead, false).deny);
  EXPECT_FALSE(image.DecideFile("/x/etc/passwd", kAccessRead, false).deny);
  EXPECT_FALSE(image.DecideFile("/etc/passwd", kAccessWrite, false).deny);
}

TEST(LowerBpfTest, W21_RulesAboutDisksKeepTheirActions) {
  BpfRules rules;
  rules.disk_devices = {{kAuditDeny, kReadWrite, false, Raw("a")}, {kAudit, 0, true, Raw("b")}};
  const BpfProfile profile = Lower(rules);
  EXPECT_TRUE(profile.needs_disk_devices);
  EXPECT_EQ(profile.header.disk_file.deny, kReadWrite);
  EXPECT_EQ(profile.header.disk_file.audit, kReadWrite);
  EXPECT_EQ(profile.header.disk_file.deny_rule[1], 0);
  EXPECT_EQ(profile.header.disk_mount.deny, 0);
  EXPECT_EQ(profile.header.disk_mount.audit, 1);
  EXPECT_EQ(profile.header.disk_mount.audit_rule, 1);
}

TEST(LowerBpfTest, W23_RecursivePropagationIsNoBindMount) {
  BpfRules rules;
  rules.mounts = {Mount("**", "*", kMountRecPrivate)};
  const BpfSimulator image = Image(rules);
  EXPECT_TRUE(image.DecideMount("/a", "none", kMountRecPrivate | kMountPrivate, false).deny);
  EXPECT_FALSE(image.DecideMount("/a", "none", kMountPrivate, false).deny);
  EXPECT_FALSE(image.DecideMount("/a", "none", kMountBind, false).deny);
  EXPECT_FALSE(image.DecideMount("/a", "none", kMountBind | kMountRecBind, false).deny);
}

TEST(LowerBpfTest, W25_ProtocolRulesHoldForSocketsOfProtocolZero) {
  BpfRules rules;
  rules.sockets = {{kDeny, 0, 0, 1 << 6, Raw("tcp")}};
  const BpfSimulator image = Image(rules);
  const uint32_t inet = 2, inet6 = 10, unix_domain = 1, stream = 1, dgram = 2;
  EXPECT_TRUE(image.DecideSocket(inet, stream, 0).deny);
  EXPECT_TRUE(image.DecideSocket(inet6, stream, 6).deny);
  EXPECT_TRUE(image.DecideSocket(inet, stream, 262).deny) << "MPTCP falls back to TCP";
  EXPECT_FALSE(image.DecideSocket(inet, dgram, 0).deny);
  EXPECT_FALSE(image.DecideSocket(inet, stream, 132).deny) << "SCTP";
  // Numbers wrap around nowhere: 70 is 6 modulo 64.
  EXPECT_FALSE(image.DecideSocket(inet, stream, 70).deny);
  EXPECT_FALSE(image.DecideSocket(unix_domain, stream, 0).deny);
}

TEST(LowerBpfTest, W26_MappedAndPlainIPv4AreOneAddress) {
  BpfRules rules;
  rules.egress = {Egress("::ffff:10.0.0.0/104", {}), Egress("192.0.2.0/24", {})};
  const BpfSimulator image = Image(rules);
  const auto decide = [&](const char* ip) {
    return image.DecideEgress(ParseAddress(ip)->address, 80, false).deny;
  };
  EXPECT_TRUE(decide("10.1.2.3"));
  EXPECT_TRUE(decide("::ffff:10.1.2.3"));
  EXPECT_TRUE(decide("::ffff:192.0.2.9"));
  EXPECT_FALSE(decide("11.0.0.0"));
  EXPECT_FALSE(decide("::10.1.2.3"));
}

TEST(LowerBpfTest, W29_PatternsMayEndInBytesOfAnyScript) {
  BpfRules rules;
  rules.files = {File("/data/**/geheim-ä", kAccessRead), File("*.доклад", kAccessRead)};
  const BpfSimulator image = Image(rules);
  EXPECT_TRUE(image.DecideFile("/data/x/geheim-ä", kAccessRead, false).deny);
  EXPECT_TRUE(image.DecideFile("/home/a.доклад", kAccessRead, false).deny);
  EXPECT_FALSE(image.DecideFile("/data/x/geheim-\xA4\xC3", kAccessRead, false).deny);
}

TEST(LowerBpfTest, DirectoriesAboveProtectedPathsAreGuardedAgainstRenaming) {
  BpfRules rules;
  rules.files = {File("/etc/ssl/**", kAccessWrite), File("/opt/tool/x", kAccessExec),
                 File("/srv/a/b", kAccessRead, kAllow)};
  const BpfSimulator image = Image(rules);
  EXPECT_TRUE(image.DecideAncestor("/etc").deny);
  EXPECT_TRUE(image.DecideAncestor("/etc/ssl").deny);
  EXPECT_EQ(image.DecideAncestor("/etc/ssl").rule, 0);
  EXPECT_FALSE(image.DecideAncestor("/etc/ssl/private").deny);
  EXPECT_FALSE(image.DecideAncestor("/").deny);
  EXPECT_FALSE(image.DecideAncestor("/opt/tool").deny);
  EXPECT_FALSE(image.DecideAncestor("/srv/a").deny);
  // Nobody keeps a file from being made next to it.
  EXPECT_FALSE(image.DecideFile("/etc", kAccessWrite, false).deny);
}

TEST(LowerBpfTest, ExecAndFileAccessOfOneRuleGoToTheirTables) {
  BpfRules rules;
  rules.files = {File("/bin/tool", kAccessExec | kAccessRead)};
  const BpfProfile profile = Lower(rules);
  EXPECT_EQ(profile.header.file_tables, 1u);
  EXPECT_EQ(profile.header.exec_tables, 1u);
  EXPECT_EQ(profile.header.mount_tables, 0u);
  const BpfSimulator image = Image(rules);
  EXPECT_TRUE(image.DecideExec("/bin/tool").deny);
  EXPECT_TRUE(image.DecideFile("/bin/tool", kAccessRead, false).deny);
  EXPECT_EQ(image.DecideExec("/bin/tool").rule, 0);
}

TEST(LowerBpfTest, TooManyRulesAreAnErrorAndNoProfile) {
  EXPECT_EQ(BpfLimits().rules, VARMOR_RULES_MAX);
  BpfRules rules;
  for (uint64_t i = 0; i < 3; ++i) rules.capabilities.push_back({kDeny, i + 1, Raw("spec.c")});
  rules.capabilities.push_back(rules.capabilities[0]);  // no new rule
  BpfLimits limits;
  limits.rules = 3;
  EXPECT_EQ(Problems(rules, limits), "");
  rules.capabilities.push_back({kDeny, 64, Raw("spec.c")});
  EXPECT_EQ(Problems(rules, limits),
            "error: spec.policy: the policy has more than 3 different rules for the BPF enforcer "
            "[too-many-rules]\n"
            "  fix: join rules with wider patterns or networks\n");
}

TEST(LowerBpfTest, PatternsThatDoNotFitAreNamedWithTheirFields) {
  BpfRules rules;
  rules.files = {File("/a123456", kAccessRead, kDeny, "spec.files[0]"),
                 File("/b123456", kAccessExec, kDeny, "spec.files[1]"),
                 File("/c123456", kAccessRead, kDeny, "spec.files[2]")};
  rules.mounts = {Mount("/m123456", "*", kMountNew), Mount("/n1234567", "*", kMountNew)};
  BpfLimits limits;
  limits.tables.hard_states = 10;
  limits.tables.max_tables = 1;
  EXPECT_EQ(
      Problems(rules, limits),
      "error: spec.files[0]: file patterns: patterns \"/a123456\", \"/c123456\" together need "
      "more states than fit the 1 tables of 10 (the others: spec.files[2]) [path-tables]\n"
      "  fix: use fewer wildcards in each, or move some to another policy\n"
      "error: spec.m: mount source patterns: patterns \"/m123456\", \"/n1234567\" together "
      "need more states than fit the 1 tables of 10 [path-tables]\n"
      "  fix: use fewer wildcards in each, or move some to another policy\n");
}

TEST(LowerBpfTest, MemoryOfTheTablesIsReportedAndBounded) {
  BpfRules rules;
  for (int i = 0; i < 200; ++i) {
    rules.files.push_back(File(absl::StrCat("/dir", i, "/file", i * 7919), kAccessRead));
  }
  BpfLimits limits;
  limits.soft_table_bytes = 16384;
  EXPECT_EQ(Problems(rules, limits),
            "warning: spec.f: the path tables take 1 MiB of kernel memory per node "
            "[path-tables-memory]\n"
            "  fix: use patterns such as \"/dir/**\" in place of many single paths\n");
  limits.hard_table_bytes = 16384;
  EXPECT_EQ(Problems(rules, limits),
            "error: spec.f: the path tables take 1 MiB of kernel memory per node; at most 0 MiB "
            "are possible [path-tables-memory]\n"
            "  fix: use patterns such as \"/dir/**\" in place of many single paths\n");
}

TEST(LowerBpfTest, MountRulesOfOneSourceAreBounded) {
  BpfRules rules;
  for (int i = 0; i < VARMOR_MOUNT_RANGE_MAX; ++i) {
    rules.mounts.push_back(Mount("**", absl::StrCat("fs", i), kMountNew));
  }
  EXPECT_EQ(Problems(rules), "");
  rules.mounts.push_back(Mount("**", "proc", kMountNew));
  EXPECT_EQ(Problems(rules),
            "error: spec.m: more than 256 mount rules match the same source "
            "[too-many-mount-rules]\n"
            "  fix: join rules of one source and type by listing their flags together\n");
}

TEST(LowerBpfTest, EgressRulesThatOverlapTooMuchAreAnError) {
  BpfRules rules;
  rules.egress = {Egress("0.0.0.0/0", {{1, 1}, {3, 3}, {5, 5}}, kAudit),
                  Egress("10.0.0.1/32", {{80, 80}}), Egress("10.0.0.2/32", {{81, 81}})};
  // Three sets of 3, 4 and 4 ports.
  BpfLimits limits;
  limits.port_entries = 11;
  limits.networks = 3;
  EXPECT_EQ(Problems(rules, limits), "");
  limits.port_entries = 10;
  EXPECT_EQ(
      Problems(rules, limits),
      "error: spec.e: the addresses and ports of 3 egress rules overlap in more ways than the "
      "tables have room for (3 networks, 10 port entries) [egress-tables]\n"
      "  fix: join rules with the same ports, or drop networks that lie inside others\n");
  limits.port_entries = 11;
  limits.networks = 2;
  EXPECT_EQ(
      Problems(rules, limits),
      "error: spec.e: the addresses and ports of 3 egress rules overlap in more ways than the "
      "tables have room for (2 networks, 11 port entries) [egress-tables]\n"
      "  fix: join rules with the same ports, or drop networks that lie inside others\n");
  limits = BpfLimits();
  limits.set_members = 4;  // 1, 2 and 2 rules
  EXPECT_NE(Problems(rules, limits), "");
}

TEST(LowerBpfTest, W28_ThousandsOfAddressesAndPathsAreOnePolicy) {
  BpfRules rules;
  BpfEgress pods = Egress("10.255.0.0/16", {{443, 443}});
  for (int i = 0; i < 10000; ++i) {
    pods.prefixes.push_back(
        ParseAddress(absl::StrCat("10.", i % 3, ".", i / 250, ".", i % 250)).value());
  }
  std::sort(pods.prefixes.begin(), pods.prefixes.end());
  pods.prefixes.erase(std::unique(pods.prefixes.begin(), pods.prefixes.end()), pods.prefixes.end());
  const size_t distinct = pods.prefixes.size();
  rules.egress = {pods, Egress("10.0.0.0/8", {}, kAudit)};
  for (int i = 0; i < 4096; ++i) {
    rules.files.push_back(File(absl::StrCat("/srv/app-", i % 64, "/secret-", i), kAccessRead));
  }
  const BpfProfile profile = Lower(rules);
  EXPECT_EQ(profile.addresses.size(), distinct + 1);
  // Every pod says the same, so they share one set of ports.
  EXPECT_LT(profile.ports.size(), 64u);
  EXPECT_EQ(profile.header.rule_count, 4098u);

  const BpfSimulator image = BpfSimulator::Load(EmitBpf(profile)).value();
  const auto egress = [&](const char* ip, uint16_t port) {
    return image.DecideEgress(ParseAddress(ip)->address, port, false);
  };
  EXPECT_TRUE(egress("10.1.20.2", 443).deny);
  EXPECT_TRUE(egress("10.1.20.2", 443).audit);
  EXPECT_FALSE(egress("10.1.20.2", 80).deny);
  EXPECT_TRUE(egress("10.1.20.2", 80).audit);
  EXPECT_FALSE(egress("10.200.0.1", 443).deny);
  EXPECT_FALSE(egress("11.0.0.1", 443).audit);
  for (const int i : {0, 63, 64, 2047, 4095}) {
    const std::string path = absl::StrCat("/srv/app-", i % 64, "/secret-", i);
    EXPECT_TRUE(image.DecideFile(path, kAccessRead, false).deny) << path;
    EXPECT_FALSE(image.DecideFile(path + "0000", kAccessRead, false).deny) << path;
  }
}

}  // namespace
}  // namespace varmor
