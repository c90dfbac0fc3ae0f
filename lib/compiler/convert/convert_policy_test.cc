#include "lib/compiler/convert/convert_policy.h"

#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

constexpr char kHead[] = R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata:
  name: web
spec:
  target:
    kind: Pod
    name: web
  policy:
    enforcer: BPF
    mode: EnhanceProtect
    enhanceProtect:
)";

struct Converted {
  std::string text;
  std::string remarks;
};

LoadedPolicy LoadOne(const std::string& text) {
  LoadResult result = LoadPolicies({{"p.yaml", text}}, LoadOptions());
  EXPECT_EQ(result.policies.size(), 1u) << text;
  return result.policies.empty() ? LoadedPolicy() : result.policies[0];
}

// Converts, and checks what holds for every result: it loads without a word and converts to itself.
Converted Convert(const std::string& text) {
  std::vector<std::string> remarks;
  Converted out;
  out.text = ConvertPolicy(LoadOne(text), &remarks);
  out.remarks = absl::StrJoin(remarks, "\n");
  const LoadedPolicy again = LoadOne(out.text);
  for (const Diagnostic& d : again.diagnostics.list()) ADD_FAILURE() << FormatDiagnostic(d);
  EXPECT_EQ(ConvertPolicy(again, &remarks), out.text);
  return out;
}

struct ConvertCase {
  const char* name;
  // Both follow kHead.
  const char* text;
  const char* want;
};

void PrintTo(const ConvertCase& c, std::ostream* out) { *out << c.name; }

constexpr ConvertCase kCases[] = {
    {"RawAppArmorText", R"(      appArmorRawRules:
      - deny /a r,
      - "deny /b r,\ndeny /c r,"
      - rules: |
          deny /d r,
          deny /e/\{a,b\}  r,
)",
     R"(      appArmorRawRules:
      - rules: deny /a r,
      - rules: |-
          deny /b r,
          deny /c r,
      - rules: |
          deny /d r,
          deny /e/\{a,b\}  r,
)"},
    {"LegacyEgress", R"(      bpfRawRules:
        network:
          egresses:
          - {ipBlock: 10.0.0.0/8, port: 80}
          - {ip: "::1"}
          egress:
            toDestinations:
            - {ip: localhost, qualifiers: [audit]}
)",
     R"(      bpfRawRules:
        network:
          egress:
            toDestinations:
            - qualifiers:
              - audit
              ip: localhost
            - qualifiers:
              - deny
              cidr: 10.0.0.0/8
              ports:
              - port: 80
            - qualifiers:
              - deny
              ip: "::1"
)"},
    {"QualifiersOfDenyingRules", R"(      bpfRawRules:
        files: [{pattern: "**", permissions: [e, r]}]
)",
     R"(      bpfRawRules:
        files:
        - qualifiers:
          - deny
          pattern: "**"
          permissions:
          - exec
          - r
)"},
    {"QualifiersOfAuditedRules", R"(      auditViolations: true
      bpfRawRules:
        ptrace: {permissions: [trace]}
        mounts: [{sourcePattern: "*", fstype: none, flags: [bind]}]
        network: {sockets: [{domains: [inet]}]}
)",
     R"(      bpfRawRules:
        network:
          sockets:
          - qualifiers:
            - deny
            - audit
            domains:
            - inet
        ptrace:
          qualifiers:
          - deny
          - audit
          permissions:
          - trace
        mounts:
        - qualifiers:
          - deny
          - audit
          sourcePattern: "*"
          fstype: none
          flags:
          - bind
      auditViolations: true
)"},
    {"QualifiersOfWatchedRules", R"(      auditViolations: true
      allowViolations: true
      bpfRawRules:
        processes: [{pattern: /bin/sh, permissions: [x]}]
        network: {egress: {toPods: [{podSelector: {}}], toServices: [{namespace: a, name: b}]}}
)",
     R"(      bpfRawRules:
        processes:
        - qualifiers:
          - audit
          pattern: /bin/sh
          permissions:
          - x
        network:
          egress:
            toServices:
            - qualifiers:
              - audit
              namespace: a
              name: b
            toPods:
            - qualifiers:
              - audit
              podSelector: {}
      auditViolations: true
      allowViolations: true
)"},
    {"RuleNames", R"(      hardeningRules: [Disable_Cap_Net_Raw, " odd name "]
      attackProtectionRules: [{rules: [MITIGATE-SA-LEAK]}]
      vulMitigationRules: [cgroups_lxcfs_escape_mitigation]
)",
     R"(      hardeningRules:
      - disable-cap-net-raw
      - " odd name "
      attackProtectionRules:
      - rules:
        - mitigate-sa-leak
      vulMitigationRules:
      - cgroups-lxcfs-escape-mitigation
)"},
    {"NumbersOf64BitsAndZeros", R"(      syscallRawRules:
      - names: [ioctl]
        action: SCMP_ACT_ERRNO
        errnoRet: 0
        args: [{index: 0, value: 0xffffffffffffffff, op: SCMP_CMP_EQ}, {index: 1, value: 0, op: x}]
)",
     R"(      syscallRawRules:
      - names:
        - ioctl
        action: SCMP_ACT_ERRNO
        errnoRet: 0
        args:
        - index: 0
          value: 18446744073709551615
          op: SCMP_CMP_EQ
        - index: 1
          value: 0
          op: x
)"},
    {"OpaquePartsAsTheyWere", R"(      networkProxyRawRules: {a: [1, "1", null, {b: ~}, []], c: {}}
)",
     R"(      networkProxyRawRules:
        a:
        - 1
        - "1"
        - null
        - b: null
        - []
        c: {}
)"},
};

class ConvertPolicyTest : public testing::TestWithParam<ConvertCase> {};

TEST_P(ConvertPolicyTest, WritesTheNewestForm) {
  const Converted converted = Convert(std::string(kHead) + GetParam().text);
  EXPECT_EQ(converted.text, std::string(kHead) + GetParam().want);
  EXPECT_EQ(converted.remarks, "");
}

INSTANTIATE_TEST_SUITE_P(All, ConvertPolicyTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ConvertPolicyTest, RemarksOnRulesWithoutEffect) {
  const std::string text = std::string(kHead) + R"(      bpfRawRules:
        files:
        - pattern: /x
          permissions:
          - read
      allowViolations: true
)";
  const Converted converted = Convert(text);
  EXPECT_EQ(converted.text, text);
  EXPECT_EQ(converted.remarks,
            "spec.policy.enhanceProtect.bpfRawRules: 1 rule has no qualifiers and no effect, as "
            "allowViolations is set without auditViolations; left as found");
}

TEST(ConvertPolicyTest, SpellsTheEnforcerTheUsualWay) {
  const auto with = [](const std::string& enforcer) {
    return absl::StrReplaceAll(kHead, {{"enforcer: BPF", "enforcer: " + enforcer},
                                       {"enhanceProtect:\n", "enhanceProtect: {}\n"}});
  };
  EXPECT_EQ(Convert(with("seccompbpfAPPARMOR")).text, with("AppArmorBPFSeccomp"));
  const Converted odd = Convert(with("BPFFirewall"));
  EXPECT_EQ(odd.text, with("BPFFirewall"));
  EXPECT_EQ(odd.remarks,
            "spec.policy.enforcer: \"BPFFirewall\" is not understood and stays as it is");
}

TEST(ConvertPolicyTest, LeavesOutWhatTheServerWrites) {
  const Converted converted = Convert(R"(kind: VarmorClusterPolicy
apiVersion: crd.varmor.org/v1beta1
status: {profileName: x}
metadata:
  uid: "5"
  generation: 3
  finalizers: [a/b]
  annotations: {"x.y/z": "1", note: "a\nb\n"}
  labels: {b: yes please, a: "true"}
  name: web
spec:
  policy: {mode: AlwaysAllow, enforcer: AppArmor}
  target: {name: web, kind: Pod}
)");
  EXPECT_EQ(converted.text, R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorClusterPolicy
metadata:
  name: web
  labels:
    a: "true"
    b: yes please
  annotations:
    note: |
      a
      b
    x.y/z: "1"
  finalizers:
  - a/b
spec:
  target:
    kind: Pod
    name: web
  policy:
    enforcer: AppArmor
    mode: AlwaysAllow
)");
  EXPECT_EQ(converted.remarks,
            "left out, as the server writes it: metadata.uid, metadata.generation, status");
}

TEST(ConvertPolicyTest, RefusesPoliciesWithErrors) {
  std::vector<std::string> remarks;
  EXPECT_EQ(ConvertPolicy(LoadOne(std::string(kHead) + "      oops: 1\n"), &remarks), "");
  EXPECT_EQ(absl::StrJoin(remarks, "\n"), "the policy has errors and was not converted");
}

}  // namespace
}  // namespace varmor
