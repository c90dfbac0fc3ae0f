#include "lib/compiler/load/load_policy.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

// A policy that uses every part of the schema that people write.
constexpr char kPolicy[] = R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata:
  name: web
  namespace: shop
  labels: {app: web, "a.b/c": ""}
  resourceVersion: "12"
  creationTimestamp: null
spec:
  updateExistingWorkloads: yes
  target:
    kind: Deployment
    selector:
      matchLabels: {app: web}
      matchExpressions:
      - {key: tier, operator: In, values: [front]}
    containers: [main]
  policy:
    enforcer: AppArmorBPFSeccomp
    mode: EnhanceProtect
    networkProxyConfig: {anything: [1, {a: b}]}
    enhanceProtect:
      hardeningRules: [disable-cap-net-raw]
      attackProtectionRules:
      - rules: [mitigate-sa-leak]
        targets: [/bin/sh]
      appArmorRawRules:
      - rules: |
          deny /a r,
          deny /b r,
      - rules: "deny /c r,"
      bpfRawRules:
        files:
        - {qualifiers: [deny], pattern: /etc/**, permissions: [write]}
        - {pattern: /root/**, permissions: [all]}
        - {qualifiers: [], pattern: /x, permissions: []}
        network:
          egress:
            toDestinations:
            - {cidr: 10.0.0.0/8, ports: [{port: 80}, {port: 0x1f90, endPort: 8090}]}
            toPods:
            - {podSelector: {}}
        ptrace: {strictMode: true, permissions: [trace]}
      syscallRawRules:
      - names: [ioctl]
        action: SCMP_ACT_ERRNO
        errnoRet: 0
        args: [{index: 1, value: 18446744073709551615, valueTwo: 1, op: SCMP_CMP_EQ}]
status: {profileName: x, conditions: [{a: b}]}
)";

LoadResult Load(const std::string& text, bool lenient = false) {
  LoadOptions options;
  options.lenient = lenient;
  return LoadPolicies({{"p.yaml", text}}, options);
}

std::string Rendered(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& d : diagnostics.list()) out += FormatDiagnostic(d);
  return out;
}

TEST(LoadPoliciesTest, ReadsEveryPartOfAPolicy) {
  const LoadResult result = Load(kPolicy);
  ASSERT_EQ(result.policies.size(), 1u);
  const LoadedPolicy& policy = result.policies[0];
  EXPECT_EQ(Rendered(policy.diagnostics), "");
  EXPECT_TRUE(policy.valid);
  EXPECT_EQ(policy.file, "p.yaml");
  EXPECT_EQ(policy.object.kind(), "VarmorPolicy");
  EXPECT_EQ(policy.object.metadata().labels().at("app"), "web");
  EXPECT_EQ(policy.object.metadata().labels().at("a.b/c"), "");
  EXPECT_TRUE(policy.object.metadata().has_resource_version());
  EXPECT_FALSE(policy.object.metadata().has_creation_timestamp());
  EXPECT_TRUE(policy.object.has_status());

  const PolicySpec& spec = policy.object.spec();
  EXPECT_TRUE(spec.update_existing_workloads());
  EXPECT_FALSE(spec.target().has_name());
  EXPECT_EQ(spec.target().selector().match_labels().at("app"), "web");
  EXPECT_EQ(spec.target().selector().match_expressions(0).values(0), "front");
  EXPECT_EQ(spec.target().containers(0), "main");
  EXPECT_TRUE(spec.policy().has_network_proxy_config());

  const EnhanceProtect& enhance = spec.policy().enhance_protect();
  EXPECT_EQ(enhance.app_armor_raw_rules(0).rules(), "deny /a r,\ndeny /b r,\n");
  EXPECT_EQ(enhance.attack_protection_rules(0).targets(0), "/bin/sh");
  const BpfRawRules& bpf = enhance.bpf_raw_rules();
  ASSERT_EQ(bpf.files_size(), 3);
  EXPECT_EQ(bpf.files(0).qualifiers().words(0), "deny");
  EXPECT_FALSE(bpf.files(1).has_qualifiers());
  EXPECT_TRUE(bpf.files(2).has_qualifiers()) << "empty differs from absent";
  EXPECT_EQ(bpf.network().egress().to_destinations(0).ports(1).port(), 8080u);
  EXPECT_EQ(bpf.network().egress().to_destinations(0).ports(1).end_port(), 8090u);
  EXPECT_TRUE(bpf.network().egress().to_pods(0).has_pod_selector());
  EXPECT_TRUE(bpf.ptrace().strict_mode());
  const LinuxSyscall& syscall = enhance.syscall_raw_rules(0);
  EXPECT_TRUE(syscall.has_errno_ret());
  EXPECT_EQ(syscall.args(0).value(), UINT64_MAX);
}

TEST(LoadPoliciesTest, ReadsTheSameFromJson) {
  const std::string json =
      R"({"apiVersion": "crd.varmor.org/v1beta1", "kind": "VarmorClusterPolicy",
    "metadata": {"name": "web", "creationTimestamp": null},
    "spec": {"target": {"kind": "Pod", "name": "a\u00e9\ud83d\ude00"},
             "policy": {"enforcer": "BPF", "mode": "RuntimeDefault"}}}
    {"apiVersion": "v1", "kind": "Pod"})";
  for (const std::string name : {"p.json", "-"}) {
    const LoadResult result = LoadPolicies({{name, json}}, LoadOptions());
    ASSERT_EQ(result.policies.size(), 1u) << name;
    EXPECT_EQ(Rendered(result.policies[0].diagnostics), "");
    EXPECT_EQ(result.policies[0].object.spec().target().name(), "a\xC3\xA9\xF0\x9F\x98\x80");
    EXPECT_EQ(result.foreign_objects, 1u);
  }
}

TEST(LoadPoliciesTest, CountsWhatItSkips) {
  const LoadResult result = LoadPolicies(
      {{"a.yaml", absl::StrCat("---\n---\napiVersion: v1\nkind: Pod\n---\n", kPolicy)},
       {"b.yaml", absl::StrCat("# two\n---\n", kPolicy,
                               "---\napiVersion: crd.varmor.org/v1beta1\nkind: ArmorProfile\n"
                               "---\napiVersion: crd.varmor.org/v1beta1\nkind: "
                               "ArmorProfileModelList\n---\n")},
       {"c.yaml", "kind: PolicyTest\npolicy: b.yaml\n"}},
      LoadOptions());
  EXPECT_EQ(result.diagnostics.size(), 0u);
  ASSERT_EQ(result.policies.size(), 2u);
  EXPECT_EQ(result.policies[0].file, "a.yaml");
  EXPECT_EQ(result.policies[0].document, 2);
  EXPECT_EQ(result.policies[1].file, "b.yaml");
  EXPECT_EQ(result.policies[1].document, 0);
  EXPECT_EQ(result.foreign_objects, 4u);
  EXPECT_EQ(result.empty_documents, 2u);
}

TEST(LoadPoliciesTest, ExpandsLists) {
  const std::string item = absl::StrReplaceAll(kPolicy, {{"\n", "\n  "}});
  const LoadResult result =
      Load(absl::StrCat("apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n- ",
                        absl::StrReplaceAll(item, {{"mode: E", "mode: e"}}), "\n- ", item, "\n"));
  EXPECT_EQ(Rendered(result.diagnostics), "");
  EXPECT_EQ(result.foreign_objects, 1u);
  ASSERT_EQ(result.policies.size(), 2u);
  EXPECT_FALSE(result.policies[0].valid);
  EXPECT_TRUE(result.policies[1].valid);
  Diagnostics located = result.policies[0].diagnostics;
  Locate(result.policies[0], located);
  ASSERT_EQ(located.size(), 1u);
  EXPECT_EQ(located.list()[0].field, "spec.policy.mode");
  EXPECT_EQ(located.list()[0].place.line, 25);
}

TEST(LoadPoliciesTest, TypedListsNeedNoKindInTheirItems) {
  const LoadResult result = Load(
      "apiVersion: crd.varmor.org/v1beta1\nkind: VarmorClusterPolicyList\nitems:\n"
      "- metadata: {name: web}\n"
      "  spec: {target: {kind: Pod, name: a}, policy: {enforcer: BPF, mode: AlwaysAllow}}\n");
  ASSERT_EQ(result.policies.size(), 1u);
  EXPECT_EQ(Rendered(result.policies[0].diagnostics), "");
  EXPECT_EQ(result.policies[0].object.kind(), "VarmorClusterPolicy");
  EXPECT_EQ(result.policies[0].object.api_version(), "crd.varmor.org/v1beta1");
}

TEST(LoadPoliciesTest, LenientReadingWarnsOfAClusterPolicysNamespace) {
  const std::string text =
      absl::StrReplaceAll(kPolicy, {{"kind: VarmorPolicy", "kind: VarmorClusterPolicy"}});
  EXPECT_FALSE(Load(text).policies.at(0).valid);
  const LoadResult result = Load(text, /*lenient=*/true);
  ASSERT_EQ(result.policies.size(), 1u);
  EXPECT_TRUE(result.policies[0].valid);
  ASSERT_EQ(result.policies[0].diagnostics.size(), 1u);
  EXPECT_EQ(result.policies[0].diagnostics.list()[0].severity, Diagnostic::Severity::kWarning);
}

TEST(LoadPoliciesTest, MergedKeysCountAsWritten) {
  const LoadResult result = Load(
      "apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\nmetadata: {name: a}\n"
      "spec:\n  target: &t {kind: Pod, name: a}\n"
      "  policy: {enforcer: BPF, mode: AlwaysAllow}\n"
      "---\napiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\nmetadata: {name: b}\n"
      "spec:\n  target: {<<: {kind: Pod}, name: b}\n"
      "  policy: {enforcer: BPF, mode: AlwaysAllow}\n");
  ASSERT_EQ(result.policies.size(), 2u);
  EXPECT_EQ(Rendered(result.policies[1].diagnostics), "");
  EXPECT_EQ(result.policies[1].object.spec().target().kind(), "Pod");
}

// --- Locate -----------------------------------------------------------------

struct LocateCase {
  const char* name;
  const char* field;
  TextPlace inside;
  TextPlace want;
  const char* value;
};

constexpr LocateCase kLocateCases[] = {
    {"Scalar", "spec.policy.mode", {}, {20, 11}, "EnhanceProtect"},
    {"Mapping", "spec.policy", {}, {19, 5}, ""},
    {"MissingKeyIsAtItsParent", "spec.policy.enhanceProtect.privileged", {}, {23, 7}, ""},
    {"Block",
     "spec.policy.enhanceProtect.appArmorRawRules[0].rules",
     {},
     {28, 16},
     "deny /a r,\ndeny /b r,\n"},
    {"FirstLineOfABlock",
     "spec.policy.enhanceProtect.appArmorRawRules[0].rules",
     {1, 6},
     {29, 16},
     "deny /a r,\ndeny /b r,\n"},
    {"SecondLineOfABlock",
     "spec.policy.enhanceProtect.appArmorRawRules[0].rules",
     {2, 1},
     {30, 11},
     "deny /a r,\ndeny /b r,\n"},
    {"LineWithoutColumn",
     "spec.policy.enhanceProtect.appArmorRawRules[0].rules",
     {2, 0},
     {30, 11},
     "deny /a r,\ndeny /b r,\n"},
    {"InsideQuotes",
     "spec.policy.enhanceProtect.appArmorRawRules[1].rules",
     {1, 6},
     {31, 22},
     "deny /c r,"},
    {"EndOfALine",
     "spec.policy.enhanceProtect.appArmorRawRules[0].rules",
     {1, 11},
     {29, 21},
     "deny /a r,\ndeny /b r,\n"},
};

TEST(LocateTest, TurnsFieldsIntoPlaces) {
  const LoadResult result = Load(kPolicy);
  ASSERT_EQ(result.policies.size(), 1u);
  for (const LocateCase& c : kLocateCases) {
    SCOPED_TRACE(c.name);
    Diagnostics diagnostics;
    diagnostics.Error("code", c.field, "problem", "", c.inside);
    Locate(result.policies[0], diagnostics);
    const Diagnostic& d = diagnostics.list()[0];
    EXPECT_EQ(d.file, "p.yaml");
    EXPECT_EQ(d.place.line, c.want.line);
    EXPECT_EQ(d.place.column, c.want.column);
    EXPECT_EQ(d.value, c.value);
  }
}

TEST(LocateTest, SaysPlacesOfTextsThatStandElsewhere) {
  const LoadResult result = Load(kPolicy);
  ASSERT_EQ(result.policies.size(), 1u);
  for (const TextPlace inside : {TextPlace{1, 110}, TextPlace{2, 3}}) {
    Diagnostics diagnostics;
    diagnostics.Error("code", "spec.policy.mode", "problem", "", inside);
    Locate(result.policies[0], diagnostics);
    const Diagnostic& d = diagnostics.list()[0];
    EXPECT_EQ(d.place.line, 20);
    EXPECT_EQ(d.place.column, 11);
    EXPECT_EQ(d.problem, absl::StrCat("problem (line ", inside.line, ", column ", inside.column,
                                      " of the text)"));
  }
}

TEST(LocateTest, LeavesWhatIsLocatedAlone) {
  const LoadResult result = Load(kPolicy);
  ASSERT_EQ(result.policies.size(), 1u);
  Diagnostics diagnostics;
  diagnostics.Error("code", "spec.policy.mode", "problem", "");
  Diagnostic elsewhere;
  elsewhere.file = "other.yaml";
  elsewhere.field = "spec.policy.mode";
  diagnostics.Add(elsewhere);
  Locate(result.policies[0], diagnostics);
  const std::string once = Rendered(diagnostics);
  Locate(result.policies[0], diagnostics);
  EXPECT_EQ(Rendered(diagnostics), once);
  EXPECT_EQ(diagnostics.list()[1].place.line, 0);
  EXPECT_EQ(diagnostics.list()[1].value, "");
}

TEST(LocateTest, CutsLongValuesBetweenCharacters) {
  const std::string long_name = std::string(199, 'x') + "\xC3\xA9";
  const LoadResult result = Load(absl::StrReplaceAll(kPolicy, {{"[main]", "[" + long_name + "]"}}));
  ASSERT_EQ(result.policies.size(), 1u);
  Diagnostics diagnostics;
  diagnostics.Error("code", "spec.target.containers[0]", "problem", "");
  Locate(result.policies[0], diagnostics);
  EXPECT_EQ(diagnostics.list()[0].value, std::string(199, 'x'));
}

// --- LoadMessage ------------------------------------------------------------

template <typename Message>
std::string LoadOne(const std::string& text, Message* message) {
  Diagnostics diagnostics;
  const bool good = LoadMessage({"m.yaml", text}, LoadOptions(), message, diagnostics);
  EXPECT_EQ(good, !diagnostics.HasErrors());
  return Rendered(diagnostics);
}

TEST(LoadMessageTest, ReadsNodeFacts) {
  NodeFacts facts;
  EXPECT_EQ(LoadOne("diskDevices: [{name: sda, major: 8, minor: 0}]", &facts), "");
  EXPECT_EQ(facts.disk_devices(0).name(), "sda");
  EXPECT_EQ(facts.disk_devices(0).major(), 8u);
}

TEST(LoadMessageTest, ReadsBothFormsOfABehaviourModel) {
  BehaviorModel old_model;
  EXPECT_EQ(LoadOne("data:\n  dynamicResult:\n    apparmor:\n      networks:\n"
                    "      - {family: inet, sockType: stream, protocol: tcp}\n",
                    &old_model),
            "m.yaml:3:5: note: data.dynamicResult.apparmor: key \"apparmor\" belongs to an older "
            "schema [legacy-field]\n"
            "  fix: use \"appArmor\" instead\n");
  EXPECT_EQ(old_model.data().dynamic_result().legacy_app_armor().networks(0).family(), "inet");

  BehaviorModel model;
  EXPECT_EQ(
      LoadOne("data:\n  dynamicResult:\n    appArmor:\n      networks:\n"
              "        sockets: [{domain: inet}]\n        egresses: [{ip: 1.2.3.4, ports: [80]}]\n",
              &model),
      "");
  EXPECT_EQ(model.data().dynamic_result().app_armor().network().egresses(0).ports(0), 80u);
  EXPECT_EQ(model.data().dynamic_result().app_armor().networks_size(), 0);
}

TEST(LoadMessageTest, PointsAtMistakes) {
  ClusterFacts facts;
  EXPECT_EQ(LoadOne("services:\n- {namespace: a, name: b, clusterIp: x}\n", &facts),
            "m.yaml:2:27: error: services[0].clusterIp: unknown key \"clusterIp\" [unknown-field]\n"
            "  fix: did you mean \"clusterIps\"?\n");
}

TEST(LoadMessageTest, WantsExactlyOneDocument) {
  NodeFacts facts;
  EXPECT_EQ(LoadOne("# nothing\n", &facts),
            "m.yaml: error: the input has 0 documents; one is wanted [document-count]\n"
            "  fix: leave one object in it\n");
  EXPECT_EQ(LoadOne("{}\n---\n{}\n", &facts),
            "m.yaml: error: the input has 2 documents; one is wanted [document-count]\n"
            "  fix: leave one object in it\n");
}

}  // namespace
}  // namespace varmor
