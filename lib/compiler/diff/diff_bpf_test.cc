// Differences between two lists of rules. A line is a kind, what it is about, the example, and what
// the two sides say: "newly denied | file /a write | file { path: "/a" access: WRITE } | allow,
// deny".
#include "lib/compiler/diff/diff_bpf.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/bind/bind_bpf.h"
#include "lib/compiler/normalise/bpf_rules_for_test.h"
#include "lib/compiler/simulate/testing/bpf_random_rules.h"

namespace varmor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

DiffResult DiffOf(const BpfArtifact* before, const BpfArtifact* after) {
  DiffResult result;
  DiffBpfOptions options;
  options.trust_digests = false;
  const absl::Status status = DiffBpf(before, after, result, options);
  EXPECT_TRUE(status.ok()) << status;
  return result;
}

std::string Line(const Change& change) {
  EXPECT_EQ(change.enforcer, "BPF");
  static constexpr const char* kKinds[] = {"newly denied", "newly allowed", "audit only"};
  return absl::StrCat(kKinds[static_cast<int>(change.kind)], " | ", change.what, " | ",
                      change.example.ShortDebugString(), " | ", VerdictWord(change.before), ", ",
                      VerdictWord(change.after));
}

std::vector<std::string> Lines(const BpfRules& before, const BpfRules& after) {
  const BpfArtifact a = EmitRules(before);
  const BpfArtifact b = EmitRules(after);
  const DiffResult result = DiffOf(&a, &b);
  EXPECT_THAT(result.undecided, IsEmpty());
  std::vector<std::string> lines;
  for (const Change& change : result.changes) lines.push_back(Line(change));
  return lines;
}

std::vector<std::string> Lines(const std::string& before, const std::string& after) {
  return Lines(RawRules(before), RawRules(after));
}

TEST(DiffBpfTest, EqualRulesAreTheSame) {
  const std::string text = R"(files { pattern: "/etc/**" permissions: "write" }
                              processes { pattern: "**/ping" permissions: "exec" }
                              mounts { source_pattern: "**" fstype: "proc" flags: "all" })";
  EXPECT_THAT(Lines(text, text), IsEmpty());
}

TEST(DiffBpfTest, OtherRulesOfTheSameMeaningAreTheSame) {
  EXPECT_THAT(Lines(R"(files { pattern: "/b/*" permissions: "read" }
                       files { pattern: "/a/*" permissions: "read" })",
                    R"(files { pattern: "/a/*" permissions: "read" }
                       files { pattern: "/b/*" permissions: "read" })"),
              IsEmpty());
  // What a wider rule covers adds nothing.
  EXPECT_THAT(Lines(R"(processes { pattern: "/a/**" permissions: "exec" })",
                    R"(processes { pattern: "/a/**" permissions: "exec" }
                       processes { pattern: "/a/b/c*" permissions: "exec" })"),
              IsEmpty());
  // The first is read from the end of the path, the last from its start.
  EXPECT_THAT(Lines(R"(processes { pattern: "*.key" permissions: "exec" })",
                    R"(processes { pattern: "*.key" permissions: "exec" }
                       processes { pattern: "/a/**/*.key" permissions: "exec" })"),
              IsEmpty());
  EXPECT_THAT(Lines(R"(network { egress { to_destinations { cidr: "10.0.0.0/8" } } })",
                    R"(network { egress { to_destinations { cidr: "10.128.0.0/9" }
                                          to_destinations { cidr: "10.0.0.0/9" }
                                          to_destinations { ip: "10.1.2.3" } } })"),
              IsEmpty());
}

// "//" and the like are no names of files; that rules differ about them is no difference.
TEST(DiffBpfTest, PathsThatNoKernelGivesAreNoDifference) {
  BpfRules before, after;
  for (const char* path : {"a", "/a/", "/a//b", "/a/./b", "/a/../b", "/a/..", "//a"}) {
    after.files.push_back(
        {{true, false, false}, kAccessExec, PathPattern::Exact(path), {"raw", path}});
  }
  EXPECT_THAT(Lines(before, after), IsEmpty());
  after.files.push_back(
      {{true, false, false}, kAccessExec, PathPattern::Exact("/a/..b"), {"raw", "r"}});
  EXPECT_THAT(Lines(before, after),
              ElementsAre("newly denied | exec /a/..b | exec { path: \"/a/..b\" } | allow, deny"));
}

TEST(DiffBpfTest, EveryRuleShowsOnceForEachClassOfEvents) {
  EXPECT_THAT(Lines("", R"(files { pattern: "/etc/**" permissions: "write" }
                           files { pattern: "/proc/kcore" permissions: "all" })"),
              ElementsAre("newly denied | file /etc/** write,append | file { path: \"/etc/a\" "
                          "access: WRITE } | allow, deny",
                          "newly denied | file,exec /proc/kcore all | file { path: "
                          "\"/proc/kcore\" access: READ } | allow, deny",
                          "newly denied | file,exec /proc/kcore all | exec { path: "
                          "\"/proc/kcore\" } | allow, deny"));
}

// A directory above what a rule protects may not be moved away. That shows where nothing else does.
TEST(DiffBpfTest, DirectoriesAboveProtectedFilesCount) {
  EXPECT_THAT(Lines(R"(files { pattern: "/a/**" permissions: "read" })",
                    R"(files { pattern: "/a/**" permissions: "read" }
                       files { pattern: "/a/b/c*" permissions: "read" })"),
              ElementsAre("newly denied | file /a/b/c* read | mount { source: \"/a/b\" target: "
                          "\"/mnt\" fstype: \"none\" flags: \"move\" } | allow, deny"));
  EXPECT_THAT(Lines(R"(files { pattern: "*.key" permissions: "read" })",
                    R"(files { pattern: "*.key" permissions: "read" }
                       files { pattern: "/a/**/*.key" permissions: "read" })"),
              ElementsAre("newly denied | file /a/**/*.key read | file { path: \"/aa\" access: "
                          "RENAME old_path: \"/a\" } | allow, deny"));
}

TEST(DiffBpfTest, BothDirectionsOfTablesAreWalked) {
  EXPECT_THAT(Lines(R"(files { pattern: "**/id_rsa" permissions: "read" })",
                    R"(files { pattern: "**/id_*" permissions: "read" })"),
              ElementsAre("newly denied | file **/id_* read | file { path: \"/id_\" access: READ } "
                          "| allow, deny"));
  EXPECT_THAT(Lines(R"(processes { pattern: "/usr/bin/*" permissions: "exec" })",
                    R"(processes { pattern: "*sh" permissions: "exec" })"),
              ElementsAre("newly denied | exec *sh | exec { path: \"/sh\" } | allow, deny",
                          "newly allowed | exec /usr/bin/* | exec { path: \"/usr/bin/a\" } | "
                          "deny, allow"));
}

TEST(DiffBpfTest, ReportingAloneIsAnAuditOnlyChange) {
  EXPECT_THAT(
      Lines(R"(files { pattern: "/a" permissions: "read" })",
            R"(files { pattern: "/a" permissions: "read"
                       qualifiers { words: "audit" words: "deny" } })"),
      ElementsAre("audit only | file /a read | file { path: \"/a\" access: READ } | deny, audit "
                  "deny"));
  EXPECT_THAT(Lines(R"(capabilities { names: "chown" qualifiers { words: "audit" } })", ""),
              ElementsAre("audit only | capability chown | capability: \"chown\" | audit, allow"));
}

TEST(DiffBpfTest, ObservingAllowsWhatWasDenied) {
  const BpfRules rules = RawRules(R"(capabilities { names: "net_raw" })");
  BpfRules observed = rules;
  observed.complain = true;
  EXPECT_THAT(
      Lines(rules, observed),
      ElementsAre("newly allowed | capability net_raw | capability: \"net_raw\" | deny, allow"));
  EXPECT_THAT(
      Lines(observed, rules),
      ElementsAre("newly denied | capability net_raw | capability: \"net_raw\" | allow, deny"));
  // Nothing fails and nothing is reported, but it would not be allowed once the policy is enforced.
  EXPECT_THAT(
      Lines(RawRules(""), observed),
      ElementsAre("audit only | capability net_raw | capability: \"net_raw\" | allow, allow"));
}

TEST(DiffBpfTest, DefaultsCountInTheirClasses) {
  EXPECT_THAT(Lines(RawAllowList(R"(files { pattern: "/**" permissions: "read" }
                                 capabilities { names: "all" })"),
                    RawAllowList(R"(files { pattern: "/a/**" permissions: "read" }
                                 capabilities { names: "all" })")),
              ElementsAre("newly denied | file /** read | file { path: \"/\" access: READ } | "
                          "allow, audit deny"));
  EXPECT_EQ(Lines(RawRules(""), RawAllowList("")).size(), 7u);
  EXPECT_THAT(Lines(RawRules(""), RawAllowList(""))[0],
              "newly denied | file: what no rule is about | file { path: \"/\" access: READ } | "
              "allow, audit deny");
}

TEST(DiffBpfTest, Mounts) {
  EXPECT_THAT(Lines(R"(mounts { source_pattern: "**" fstype: "*" flags: "all" })",
                    R"(mounts { source_pattern: "**" fstype: "*" flags: "rw" })"),
              ElementsAre("newly allowed | mount ** fstype=* flags=all | mount { source: \"/\" "
                          "target: \"/mnt\" fstype: \"ext4\" flags: \"new\" flags: \"ro\" } | "
                          "deny, allow"));
  EXPECT_THAT(
      Lines(R"(mounts { source_pattern: "/dev/**" fstype: "ext4" flags: "ro" flags: "nosuid" })",
            R"(mounts { source_pattern: "/dev/**" fstype: "ext4" flags: "ro" })"),
      ElementsAre("newly allowed | mount /dev/** fstype=ext4 flags=ro,nosuid | mount { source: "
                  "\"/dev/a\" target: \"/mnt\" fstype: \"ext4\" flags: \"new\" flags: \"nosuid\" } "
                  "| deny, allow"));
  EXPECT_THAT(Lines("", R"(mounts { source_pattern: "/a/**" fstype: "none" flags: "umount" })"),
              ElementsAre("newly denied | mount /a/** fstype=none flags=umount | mount { source: "
                          "\"/a/a\" target: \"/a/a\" fstype: \"none\" flags: \"umount\" } | allow, "
                          "deny"));
}

TEST(DiffBpfTest, Sockets) {
  EXPECT_THAT(Lines("", R"(network { sockets { domains: "inet" types: "stream" } })"),
              ElementsAre("newly denied | socket domains=inet types=stream | socket { domain: "
                          "\"inet\" type: \"stream\" } | allow, deny"));
  // All protocols with a word are not all protocols.
  EXPECT_THAT(Lines(R"(network { sockets { domains: "inet" protocols: "tcp" }
                                 sockets { domains: "inet" protocols: "udp" }
                                 sockets { domains: "inet" protocols: "icmp" } })",
                    R"(network { sockets { domains: "inet" } })"),
              ElementsAre("newly denied | socket domains=inet | socket { domain: \"inet\" type: "
                          "\"stream\" protocol: \"132\" } | allow, deny"));
}

TEST(DiffBpfTest, Destinations) {
  EXPECT_THAT(Lines(R"(network { egress { to_destinations { cidr: "10.0.0.0/8"
                                                            ports { port: 80 end_port: 90 } } } })",
                    R"(network { egress { to_destinations { cidr: "10.0.0.0/8"
                                                            ports { port: 80 end_port: 91 } }
                                          to_destinations { ip: "pod-self" } } })"),
              ElementsAre("newly denied | egress pod-self | connect { ip: \"10.0.0.0\" port: 1 "
                          "own_address: true } | allow, deny",
                          "newly denied | egress 10.0.0.0/8 ports=80-91 | connect { ip: "
                          "\"10.0.0.0\" port: 91 } | allow, deny"));
  EXPECT_THAT(Lines(R"(network { egress { to_destinations { cidr: "fd00::/8" } } })", ""),
              ElementsAre("newly allowed | egress fd00::/8 | connect { ip: \"fd00::\" port: 1 } | "
                          "deny, allow"));
}

TEST(DiffBpfTest, CapabilitiesTracingAndOperations) {
  BpfRules rules = RawRules(R"(capabilities { names: "net_raw" }
                            ptrace { permissions: "trace" strict_mode: true })");
  rules.operations.push_back({{true, false, false}, 1, {"raw", "r"}});
  EXPECT_THAT(
      Lines(RawRules(""), rules),
      ElementsAre("newly denied | capability net_raw | capability: \"net_raw\" | allow, deny",
                  "newly denied | ptrace trace strict | ptrace { permission: \"trace\" } | "
                  "allow, deny",
                  "newly denied | create a user namespace | operation { name: "
                  "\"CREATE_USER_NAMESPACE\" } | allow, deny"));
}

TEST(DiffBpfTest, DisksOfTheNode) {
  BpfRules rules;
  rules.disk_devices = {{{true, false, false}, kAccessRead, false, {"raw", "d"}},
                        {{true, false, false}, 0, true, {"raw", "m"}}};
  EXPECT_THAT(Lines(RawRules(""), rules),
              ElementsAre("newly denied | file on a disk of the node read | file { path: \"/\" "
                          "access: READ disk_device: true } | allow, deny",
                          "newly denied | mount a disk of the node | mount { source: \"/\" "
                          "target: \"/mnt\" fstype: \"ext4\" flags: \"new\" disk_device: "
                          "true } | allow, deny"));
}

TEST(DiffBpfTest, WithoutAnArtifactEverythingIsAllowed) {
  const BpfArtifact artifact = EmitRules(RawRules(R"(capabilities { names: "net_raw" })"));
  EXPECT_THAT(DiffOf(nullptr, nullptr).changes, IsEmpty());
  DiffResult result = DiffOf(nullptr, &artifact);
  ASSERT_EQ(result.changes.size(), 1u);
  EXPECT_EQ(Line(result.changes[0]),
            "newly denied | capability net_raw | capability: \"net_raw\" | allow, deny");
  EXPECT_EQ(result.changes[0].before.reason, "there is no BPF profile");
  result = DiffOf(&artifact, nullptr);
  ASSERT_EQ(result.changes.size(), 1u);
  EXPECT_EQ(result.changes[0].kind, Change::Kind::kNewlyAllowed);
}

TEST(DiffBpfTest, UnknownAddressesAreUndecided) {
  BpfRules rules = RawRules(R"(network { egress { to_destinations { cidr: "10.0.0.0/8" } } })");
  const BpfArtifact known = EmitRules(rules);
  rules.cluster_addresses_missing = true;
  rules.egress_watches.emplace_back().set_service_name("dns");
  const BpfArtifact unknown = EmitRules(rules);
  ASSERT_EQ(unknown.holes_size(), 1);
  EXPECT_THAT(DiffOf(&unknown, &unknown).undecided, IsEmpty());
  const DiffResult result = DiffOf(&known, &unknown);
  EXPECT_THAT(result.changes, IsEmpty());
  EXPECT_THAT(result.undecided, ElementsAre("BPF: addresses of services or pods were not known "
                                            "when compiling"));
  EXPECT_FALSE(result.same());
}

TEST(DiffBpfTest, ImagesBoundToDifferentNodesAreUndecided) {
  BpfRules rules;
  rules.disk_devices = {{{true, false, false}, kAccessRead, false, {"raw", "d"}}};
  const BpfArtifact unbound = EmitRules(rules);
  const auto bound = [&unbound](uint64_t major) {
    NodeFacts facts;
    DiskDevice& disk = *facts.add_disk_devices();
    disk.set_name("sda");
    disk.set_major(static_cast<uint32_t>(major));
    Diagnostics diagnostics;
    return BindBpf(unbound, facts).value();
  };
  const BpfArtifact a = bound(8), b = bound(9);
  EXPECT_THAT(DiffOf(&a, &a).undecided, IsEmpty());
  EXPECT_THAT(DiffOf(&a, &unbound).undecided, IsEmpty());
  EXPECT_THAT(DiffOf(&a, &b).undecided,
              ElementsAre("BPF: the images are bound to nodes with different disks"));
}

TEST(DiffBpfTest, TooMuchWorkIsUndecidedAndNeverTheSame) {
  const BpfArtifact a = EmitRules(RawRules(R"(files { pattern: "/a/**" permissions: "read" })"));
  const BpfArtifact b = EmitRules(RawRules(R"(files { pattern: "/b/**" permissions: "read" })"));
  DiffResult result;
  DiffBpfOptions options;
  options.work = 100;
  ASSERT_TRUE(DiffBpf(&a, &b, result, options).ok());
  EXPECT_THAT(result.undecided,
              ElementsAre("BPF: rules about files take too much work to compare (too many states)",
                          "BPF: rules about programs take too much work to compare (exec)",
                          "BPF: rules about mounts take too much work to compare (too many "
                          "states)",
                          "BPF: rules about sockets take too much work to compare (sockets)",
                          "BPF: rules about destinations take too much work to compare "
                          "(addresses)"));
  EXPECT_FALSE(result.same());
}

TEST(DiffBpfTest, OneOfThousandsOfRulesIsFound) {
  BpfRules before;
  for (int i = 0; i < 4096; ++i) {
    const std::string path = absl::StrCat("/srv/app-", i % 64, "/item-", i * 7919, "/config");
    before.files.push_back(
        {{true, false, false}, kAccessWrite, *PathPattern::Parse(path), {"raw", path}});
  }
  for (int i = 0; i < 64; ++i) {
    const std::string pattern = absl::StrCat("**/name-", i * 31, ".key");
    before.files.push_back(
        {{true, false, false}, kAccessRead, *PathPattern::Parse(pattern), {"raw", pattern}});
  }
  BpfRules after = before;
  after.files[2000].pattern = *PathPattern::Parse("/srv/other");
  EXPECT_THAT(
      Lines(before, after),
      ElementsAre("newly denied | file /srv/other write | file { path: \"/srv/other\" access: "
                  "WRITE } | allow, deny",
                  "newly allowed | file /srv/app-16/item-15838000/config write | file { path: "
                  "\"/srv/app-16/item-15838000/config\" access: WRITE } | deny, allow"));
}

TEST(DiffBpfTest, ADamagedImageIsRefused) {
  BpfArtifact artifact = EmitRules(RawRules(R"(files { pattern: "/a/**" permissions: "read" })"));
  artifact.mutable_maps(0)->mutable_entries(0)->mutable_value()->back() ^= 1;
  DiffResult result;
  EXPECT_TRUE(absl::IsInvalidArgument(DiffBpf(&artifact, nullptr, result)));
  // The same with a digest that fits.
  for (BpfMap& map : *artifact.mutable_maps()) {
    if (map.name() != "pages") continue;
    std::string& words = *map.mutable_entries(0)->mutable_value();
    for (size_t i = 256; i < words.size(); ++i) words[i] = static_cast<char>(0xF0 | i);
  }
  artifact.set_digest(BpfDigest(artifact));
  const absl::Status status = DiffBpf(&artifact, nullptr, result);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(std::string(status.message()), "BPF artifact: a path table is damaged");
}

}  // namespace
}  // namespace varmor
