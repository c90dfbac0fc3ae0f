// Events and the verdicts of a BPF image, with rules, reasons and what is unknown.
#include "lib/compiler/simulate/decide_bpf_event.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/artifact/bpf_map_abi.h"
#include "lib/compiler/normalise/bpf_rules_for_test.h"
#include "lib/compiler/simulate/testing/bpf_random_rules.h"

namespace varmor {
namespace {

BpfEventSimulator Load(const BpfRules& rules) {
  return BpfEventSimulator::Load(EmitRules(rules)).value();
}

// "deny [0 2] EPERM: reason".
std::string Text(const Verdict& verdict) {
  std::string text = VerdictWord(verdict);
  if (verdict.would_deny) absl::StrAppend(&text, " would-deny");
  if (!verdict.rules.empty()) {
    absl::StrAppend(&text, " [");
    for (const ResponsibleRule& rule : verdict.rules) {
      absl::StrAppend(&text, text.back() == '[' ? "" : " ", rule.index);
    }
    absl::StrAppend(&text, "]");
  }
  if (!verdict.effect.empty()) absl::StrAppend(&text, " ", verdict.effect);
  if (!verdict.reason.empty()) absl::StrAppend(&text, ": ", verdict.reason);
  return text;
}

std::string Decided(const BpfEventSimulator& simulator, const std::string& text) {
  Event event;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &event)) << text;
  const absl::StatusOr<Verdict> verdict = simulator.Decide(event);
  return verdict.ok() ? Text(*verdict) : verdict.status().ToString();
}

TEST(DecideBpfEventTest, RulesAndReasons) {
  const BpfEventSimulator image = Load(RawRules(R"(
      files { pattern: "/a/*" permissions: "read" }
      files { pattern: "/a/b" permissions: "write" }
      files { pattern: "/log" permissions: "read" qualifiers { words: "audit" } })"));
  EXPECT_EQ(Decided(image, R"(file { path: "/a/b" access: READ })"), "deny [0] EPERM");
  // Either of two permissions that are needed is missing.
  EXPECT_EQ(Decided(image, R"(file { path: "/a/b" access: CONNECT })"), "deny [0 1] EPERM");
  EXPECT_EQ(Decided(image, R"(file { path: "/log" access: READ })"), "audit [2]");
  EXPECT_EQ(Decided(image, R"(file { path: "/c" access: CHMOD })"),
            "allow: no rule is about it, and the profile allows by default");
  EXPECT_EQ(Decided(image, R"(syscall { name: "read" })"),
            "not mediated: no BPF program sees such events");
  EXPECT_EQ(Decided(image, R"(capability: "net_row")"),
            "INVALID_ARGUMENT: unknown capability net_row");
}

TEST(DecideBpfEventTest, WithoutAnArtifactEverythingIsAllowed) {
  EXPECT_EQ(Decided(BpfEventSimulator::WithoutArtifact(), R"(exec { path: "/a" })"),
            "allow: there is no BPF profile");
}

TEST(DecideBpfEventTest, OldNamesAreReadAndWritten) {
  const BpfEventSimulator image = Load(RawRules(R"(files { pattern: "/secret" permissions: "read" }
                    files { pattern: "/fixed" permissions: "write" }
                    files { pattern: "/new" permissions: "write" })"));
  for (const char* access : {"RENAME", "LINK"}) {
    const auto decide = [&](const std::string& from, const std::string& to) {
      return Decided(image, absl::StrCat("file { access: ", access, " old_path: \"", from,
                                         "\" path: \"", to, "\" }"));
    };
    EXPECT_EQ(decide("/x", "/y"), "allow: no rule is about it, and the profile allows by default");
    EXPECT_EQ(decide("/x", "/new"), "deny [2] EPERM");
    EXPECT_EQ(decide("/secret", "/y"),
              "deny [0] EPERM: the old name \"/secret\" is read and written");
    EXPECT_EQ(decide("/fixed", "/y"),
              "deny [1] EPERM: the old name \"/fixed\" is read and written");
    // Reading the new name is nobody's wish.
    EXPECT_EQ(decide("/x", "/secret"),
              "allow: no rule is about it, and the profile allows by default");
    EXPECT_EQ(decide("/secret", "/new"), "deny [0 2] EPERM");
    EXPECT_EQ(decide("", "/new"), "deny [2] EPERM");
    EXPECT_EQ(decide("", "/y"), "unknown: the file's old name counts as well, and is not given");
  }
  const BpfEventSimulator other = Load(RawRules(R"(capabilities { names: "chown" })"));
  EXPECT_EQ(Decided(other, R"(file { path: "/a" access: RENAME })"),
            "allow: no rule is about it, and the profile allows by default");
}

TEST(DecideBpfEventTest, DirectoriesAboveProtectedFilesStay) {
  const BpfEventSimulator image =
      Load(RawRules(R"(files { pattern: "/etc/ssl/**" permissions: "write" })"));
  EXPECT_EQ(Decided(image, R"(file { path: "/x" old_path: "/etc" access: RENAME })"),
            "deny [0] EPERM: rules are about what lies below \"/etc\"");
  // A directory has no links.
  EXPECT_EQ(Decided(image, R"(file { path: "/x" old_path: "/etc" access: LINK })"),
            "allow: no rule is about it, and the profile allows by default");
  for (const char* operation : {"umount", "move"}) {
    EXPECT_EQ(Decided(image, absl::StrCat(R"(mount { source: "/etc/ssl" fstype: "none" flags: ")",
                                          operation, "\" }")),
              "deny [0] EPERM: rules are about what lies below \"/etc/ssl\"");
  }
  EXPECT_EQ(Decided(image, R"(mount { source: "/etc/ssl" fstype: "none" flags: "bind" })"),
            "allow: no rule is about it, and the profile allows by default");
}

TEST(DecideBpfEventTest, Defaults) {
  BpfRules rules = RawAllowList(R"(files { pattern: "/a" permissions: "read" })");
  const BpfEventSimulator image = Load(rules);
  EXPECT_EQ(Decided(image, R"(file { path: "/a" access: READ })"), "allow [0]");
  EXPECT_EQ(Decided(image, R"(file { path: "/a" access: WRITE })"),
            "audit deny EPERM: no rule allows it, and the profile denies by default");
  EXPECT_EQ(Decided(image, R"(ptrace { permission: "trace" same_container: true })"),
            "allow: no rule is about it, and only rules deny such events");
  EXPECT_EQ(Decided(image, R"(operation { name: "LOAD_BPF_PROGRAM" })"),
            "allow: no rule is about it, and only rules deny such events");
  rules.complain = true;
  EXPECT_EQ(Decided(Load(rules), R"(file { path: "/a" access: WRITE })"),
            "audit would-deny: no rule allows it; the profile only observes");
}

TEST(DecideBpfEventTest, PathsThatAreTooLongAreDenied) {
  const BpfEventSimulator image =
      Load(RawRules(R"(files { pattern: "/a/**" permissions: "read" })"));
  EXPECT_EQ(
      Decided(image, absl::StrCat("file { path: \"/", std::string(4095, 'b'), "\" access: READ }")),
      "audit deny EPERM: paths of more than 4095 bytes cannot be compared with the rules");
}

TEST(DecideBpfEventTest, OwnAddresses) {
  const BpfEventSimulator image =
      Load(RawRules(R"(network { egress { to_destinations { ip: "pod-self" } } })"));
  EXPECT_EQ(Decided(image, R"(connect { ip: "10.0.0.1" port: 80 own_address: true })"),
            "deny [0] EPERM");
  EXPECT_EQ(Decided(image, R"(connect { ip: "10.0.0.1" port: 80 })"),
            "allow: no rule is about it, and the profile allows by default");
}

TEST(DecideBpfEventTest, UnknownAddressesMakeConnectsUnknownUnlessTheyAreDenied) {
  BpfRules rules = RawRules(R"(network { egress { to_destinations { ip: "10.0.0.1" } } }
                            capabilities { names: "chown" })");
  rules.cluster_addresses_missing = true;
  const BpfEventSimulator image = Load(rules);
  EXPECT_EQ(Decided(image, R"(connect { ip: "10.0.0.1" port: 80 })"), "deny [0] EPERM");
  EXPECT_EQ(Decided(image, R"(connect { ip: "10.0.0.2" port: 80 })"),
            "unknown: rules name services or pods whose addresses were not known when compiling");
  EXPECT_EQ(Decided(image, R"(capability: "chown")"), "deny [1] EPERM");
}

TEST(DecideBpfEventTest, DisksOfAnUnboundImageAreJudgedAsOnceBound) {
  BpfRules rules;
  rules.disk_devices = {{{true, false, false}, kAccessRead, false, {"raw", "d"}}};
  EXPECT_EQ(Decided(Load(rules), R"(file { path: "/x" access: READ disk_device: true })"),
            "deny [0] EPERM: the image takes effect once it is bound to the node, whose disks it "
            "then names");
  EXPECT_EQ(Decided(Load(rules), R"(file { path: "/x" access: READ })"),
            "allow: no rule is about it, and the profile allows by default");
}

TEST(DecideBpfEventTest, ProtocolsWithoutAWordAreNumbers) {
  const BpfEventSimulator image = Load(RawRules(R"(network { sockets { domains: "inet" } })"));
  EXPECT_EQ(Decided(image, R"(socket { domain: "inet" type: "stream" protocol: "132" })"),
            "deny [0] EPERM");
}

// A record may name a rule that the artifact does not list.
TEST(DecideBpfEventTest, RuleNumbersOfDamagedRecordsAreNotFollowed) {
  BpfArtifact artifact = EmitRules(RawRules(R"(capabilities { names: "chown" })"));
  for (BpfMap& map : *artifact.mutable_maps()) {
    if (map.name() != "profile") continue;
    std::string& bytes = *map.mutable_entries(0)->mutable_value();
    bytes[offsetof(varmor_profile, capability_deny_rule)] = 77;
  }
  artifact.set_digest(BpfDigest(artifact));
  const BpfEventSimulator image = BpfEventSimulator::Load(artifact).value();
  EXPECT_EQ(Decided(image, R"(capability: "chown")"),
            "deny EPERM: a rule that the image does not list decides");
}

}  // namespace
}  // namespace varmor
