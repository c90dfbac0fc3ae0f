#include "lib/compiler/emit/emit_bpf.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/artifact/bpf_map_shapes.h"
#include "lib/compiler/artifact/check_bpf_image.h"
#include "lib/compiler/lower/lower_bpf.h"
#include "lib/compiler/network/parse_address.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;

constexpr char kNoRule[] = "ffff";
constexpr Action kDeny = {true, false, false};
constexpr Action kAuditDeny = {true, true, false};

BpfArtifact Emit(const BpfRules& rules, const std::string& name = "varmor-demo-web") {
  Diagnostics diagnostics;
  return EmitBpf(LowerBpf(rules, name, diagnostics).value());
}

BpfEgress Egress(const char* cidr, std::vector<PortRange> ports) {
  BpfEgress rule;
  rule.action = kDeny;
  rule.prefixes = {ParseCidr(cidr).value()};
  rule.ports = std::move(ports);
  return rule;
}

PathPattern Pattern(const char* text) { return PathPattern::Parse(text).value(); }

// One rule of every kind.
BpfRules Everything() {
  BpfRules rules;
  rules.files = {{kDeny, kAccessRead, Pattern("/etc/**"), {"raw", "f"}},
                 {kDeny, kAccessExec, Pattern("/**/sh"), {"raw", "x"}}};
  rules.sockets = {{kDeny, uint64_t{1} << 38, 0, 0, {"raw", "s"}}};
  rules.egress = {Egress("10.0.0.0/8", {{80, 81}}), Egress("2001:db8::/32", {})};
  rules.ptrace = {{kDeny, kPtraceRead, true, {"raw", "p"}}};
  rules.mounts = {{kDeny, Pattern("**"), "proc", kMountNew, kMountReadOnly, {"raw", "m"}}};
  rules.capabilities = {{kAuditDeny, 1 << 13, {"raw", "c"}}};
  rules.operations = {{kDeny, 1, {"raw", "o"}}};
  rules.disk_devices = {{kDeny, kAccessRead, false, {"raw", "d"}}};
  return rules;
}

std::string Hex(const std::string& bytes) { return absl::BytesToHexString(bytes); }

std::string Repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

// "key value", one per entry.
std::vector<std::string> Entries(const BpfArtifact& artifact, const std::string& name) {
  std::vector<std::string> entries;
  for (const BpfMap& map : artifact.maps()) {
    if (map.name() != name) continue;
    for (const BpfMapEntry& entry : map.entries()) {
      entries.push_back(absl::StrCat(Hex(entry.key()), " ", Hex(entry.value())));
    }
  }
  return entries;
}

std::vector<std::string> MapNames(const BpfArtifact& artifact) {
  std::vector<std::string> names;
  for (const BpfMap& map : artifact.maps()) names.push_back(map.name());
  return names;
}

// Hexadecimal, written in groups: "01000000 ffff" is "01000000ffff".
std::string Groups(absl::string_view text) { return absl::StrReplaceAll(text, {{" ", ""}}); }

// An entry as Entries() gives it.
std::string Entry(absl::string_view key, absl::string_view value) {
  return absl::StrCat(Groups(key), " ", Groups(value));
}

// The rules of 8 bits, of which one has a rule: "0000" at `bit`.
std::string RulesOfBits(int bit, const std::string& rule) {
  std::string text;
  for (int i = 0; i < VARMOR_DECISION_BITS; ++i) text += i == bit ? rule : kNoRule;
  return text;
}

// Written by hand from artifact/bpf_map_abi.h: what changes here changes the ABI.
TEST(EmitBpfTest, TheHeaderHasTheBytesOfTheAbi) {
  BpfRules rules;
  rules.capabilities = {{kAuditDeny, 1 << 13, {"raw", "c"}}};
  rules.disk_devices = {{kDeny, kAccessRead, false, {"raw", "d"}}};
  const std::string no_rules_of_bits = Repeat(kNoRule, VARMOR_DECISION_BITS);
  const std::string no_decision = Repeat("00", 12) + Repeat(no_rules_of_bits, 3);
  const std::string net_raw =
      Repeat(kNoRule, 13) + "0000" + Repeat(kNoRule, VARMOR_CAPABILITIES_MAX - 14);
  std::string header;
  header += "01000000 00000000 00000000 02000000";  // abi, flags, default_deny, rule_count
  header += "00000000 00000000 00000000 00000000";  // tables of file, exec, mount; pod_self_set
  header += Repeat("00", 16 * 8 * 3);               // the tables
  header += "0020000000000000 0020000000000000 0000000000000000";  // capability deny, audit, allow
  header += net_raw + net_raw + Repeat(kNoRule, VARMOR_CAPABILITIES_MAX);
  header += no_decision + no_decision + no_decision;  // ptrace other, same; operations
  header += "04000000 00000000 00000000";             // disk_file: reading is denied by rule 1
  header += RulesOfBits(2, "0100") + Repeat(no_rules_of_bits, 2);
  header += "00000000 ffff ffff ffff 0000";  // disk_mount
  header += "00000000";
  EXPECT_THAT(Entries(Emit(rules), "profile"), ElementsAre(Entry("00000000", header)));
}

TEST(EmitBpfTest, TriesHaveTheBytesOfTheAbi) {
  const BpfArtifact artifact = Emit(Everything());
  // Prefix length, address; the set. Sets are numbered by address, and mapped IPv4 begins with
  // zeros.
  EXPECT_THAT(Entries(artifact, "addresses"),
              ElementsAre(Entry("20000000 20010db8000000000000000000000000", "02000000"),
                          Entry("68000000 00000000000000000000ffff0a000000", "01000000")));
  // Prefix length, set, port, padding; deny, audit, allow, padding, their rules, padding.
  EXPECT_THAT(Entries(artifact, "ports"),
              ElementsAre(Entry("20000000 00000002 0000 0000", "01 00 00 00 0400 ffff ffff 0000"),
                          Entry("2f000000 00000001 0050 0000", "01 00 00 00 0300 ffff ffff 0000")));
}

TEST(EmitBpfTest, RecordsHaveTheBytesOfTheAbi) {
  const BpfArtifact artifact = Emit(Everything());
  const std::string none = Repeat(kNoRule, VARMOR_DECISION_BITS);
  const auto deny = [&](const char* bits, int bit, const char* rule) {
    return absl::StrCat(bits, "00000000 00000000", RulesOfBits(bit, rule), none, none);
  };
  // Files below /etc, the directory itself, the shell.
  EXPECT_THAT(Entries(artifact, "accepts"),
              ElementsAre(Entry("01000000", deny("04000000", 2, "0000")),
                          Entry("02000000", deny("10000000", 4, "0000")),
                          Entry("03000000", deny("01000000", 0, "0100"))));
  EXPECT_THAT(Entries(artifact, "mount_accepts"),
              ElementsAre(Entry("01000000", "00000000 01000000")));
  // any, none, "proc", rule, action, padding.
  EXPECT_THAT(Entries(artifact, "mount_rules"),
              ElementsAre(Entry("00000000", "0000000001000000 0100000000000000 70726f63" +
                                                Repeat("00", 12) + "0600 01 0000000000")));
  EXPECT_THAT(Entries(artifact, "sockets"), ElementsAre(Entry("26000000", Repeat("0100", 16 * 8))));
  EXPECT_THAT(Entries(artifact, "socket_verdicts"),
              ElementsAre(Entry("01000000", "01 00 00 00 0200 ffff ffff 0000")));
}

TEST(EmitBpfTest, MapsComeInTheOrderOfTheirShapesAndOnlyWhenNeeded) {
  EXPECT_THAT(MapNames(Emit(BpfRules())), ElementsAre("profile"));
  std::vector<std::string> all;
  for (const BpfMapShape& shape : BpfMapShapes()) all.emplace_back(shape.name);
  EXPECT_EQ(MapNames(Emit(Everything())), all);
}

TEST(EmitBpfTest, W21_DisksAreAHoleInAMapOfTheirOwn) {
  const BpfArtifact artifact = Emit(Everything());
  EXPECT_THAT(artifact.holes(), ElementsAre(DISK_DEVICE_MAP));
  const BpfMap& disks = artifact.maps(artifact.maps_size() - 1);
  EXPECT_EQ(disks.name(), "disk_devices");
  EXPECT_EQ(disks.kind(), BpfMap::HASH);
  EXPECT_EQ(disks.entries_size(), 0);
  EXPECT_GT(disks.max_entries(), 0u);

  BpfRules rules = Everything();
  rules.disk_devices.clear();
  rules.cluster_addresses_missing = true;
  EXPECT_THAT(Emit(rules).holes(), ElementsAre(CLUSTER_ADDRESSES));
}

TEST(EmitBpfTest, TriesAreMadeWithoutPreallocation) {
  const BpfArtifact artifact = Emit(Everything());
  for (const BpfMap& map : artifact.maps()) {
    EXPECT_EQ(map.flags(), map.kind() == BpfMap::LPM_TRIE ? 1u : 0u) << map.name();
  }
}

TEST(EmitBpfTest, WhatIsEmittedPassesTheLoadersCheck) {
  EXPECT_TRUE(CheckBpfImage(Emit(BpfRules())).ok());
  const absl::Status status = CheckBpfImage(Emit(Everything()));
  EXPECT_TRUE(status.ok()) << status;
}

TEST(EmitBpfTest, TheDigestIsOfTheEffectAndNotOfNamesAndTexts) {
  const BpfArtifact artifact = Emit(Everything());
  EXPECT_EQ(artifact.digest().size(), 64u);
  EXPECT_EQ(artifact.digest(), Emit(Everything()).digest());
  EXPECT_EQ(artifact.digest(), Emit(Everything(), "varmor-demo-api").digest());

  BpfRules other = Everything();
  other.capabilities[0].origin.field = "elsewhere";
  EXPECT_EQ(artifact.digest(), Emit(other).digest());
  other.capabilities[0].mask = 1 << 12;
  EXPECT_NE(artifact.digest(), Emit(other).digest());
  other = Everything();
  other.complain = true;
  EXPECT_NE(artifact.digest(), Emit(other).digest());
}

TEST(EmitBpfTest, RulesTablesAndWatchesAreListed) {
  BpfRules rules = Everything();
  rules.egress_watches.emplace_back().set_field("spec.w");
  const BpfArtifact artifact = Emit(rules);
  ASSERT_EQ(artifact.rules_size(), 10);
  EXPECT_EQ(artifact.rules(1).ShortDebugString(),
            "rule: \"raw\" field: \"x\" text: \"exec /**/sh\" action: \"deny\"");
  EXPECT_EQ(artifact.rules(7).ShortDebugString(),
            "rule: \"raw\" field: \"c\" text: \"capability net_raw\" action: \"audit deny\"");
  ASSERT_EQ(artifact.tables_size(), 3);
  EXPECT_EQ(artifact.tables(0).kind(), "file");
  EXPECT_EQ(artifact.tables(0).direction(), "forward");
  // "/etc/**", and "/etc" for what stands above it.
  EXPECT_EQ(artifact.tables(0).patterns(), 2u);
  EXPECT_EQ(artifact.tables(1).kind(), "exec");
  EXPECT_EQ(artifact.tables(1).direction(), "reverse");
  EXPECT_EQ(artifact.tables(2).kind(), "mount");
  ASSERT_EQ(artifact.egress_watches_size(), 1);
  EXPECT_EQ(artifact.egress_watches(0).field(), "spec.w");
}

}  // namespace
}  // namespace varmor
