// What must not load, and what is said about it, word for word.
#include <string>

#include "gtest/gtest.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {
namespace {

constexpr char kBase[] = R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: web, namespace: shop}
spec:
  target: {kind: Deployment, name: web}
  policy:
    enforcer: BPF
    mode: EnhanceProtect
    enhanceProtect:
      privileged: true
)";

struct BadCase {
  const char* name;
  const char* file;
  // The text follows kBase, whose last line is the tenth.
  bool after_base;
  std::string text;
  const char* want;
};

void PrintTo(const BadCase& bad, std::ostream* out) { *out << bad.name; }

// A string literal with NUL bytes in it.
template <size_t N>
std::string Bytes(const char (&literal)[N]) {
  return std::string(literal, N - 1);
}

// Every diagnostic of a load, as a user sees them.
std::string Rendered(const std::string& file, const std::string& text) {
  LoadResult result = LoadPolicies({{file, text}}, LoadOptions());
  Diagnostics all;
  for (LoadedPolicy& policy : result.policies) {
    Locate(policy, policy.diagnostics);
    EXPECT_EQ(policy.valid, !policy.diagnostics.HasErrors());
    for (const Diagnostic& d : policy.diagnostics.list()) all.Add(d);
  }
  for (const Diagnostic& d : result.diagnostics.list()) all.Add(d);
  all.SortByPlace();
  std::string out;
  for (const Diagnostic& d : all.list()) out += FormatDiagnostic(d);
  return out;
}

class BadInputTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadInputTest, SaysWhatIsWrongAndWhere) {
  const BadCase& bad = GetParam();
  EXPECT_EQ(Rendered(bad.file, (bad.after_base ? kBase : "") + bad.text), bad.want);
}

const BadCase kBadCases[] = {
    {"KeyMistyped", "p.yaml", true, "      hardningRules: [disable-cap-net-raw]\n",
     R"(p.yaml:11:7: error: spec.policy.enhanceProtect.hardningRules: unknown key "hardningRules" [unknown-field]
  fix: did you mean "hardeningRules"?
)"},
    {"KeyOfNothing", "p.yaml", true, "      frobnicate: 1\n",
     R"(p.yaml:11:7: error: spec.policy.enhanceProtect.frobnicate: unknown key "frobnicate" [unknown-field]
  fix: known here: hardeningRules, attackProtectionRules, vulMitigationRules, appArmorRawRules, bpfRawRules, syscallRawRules, networkProxyRawRules, privileged, auditViolations, allowViolations
)"},
    {"RequiredKeyMistypedIsOneError", "p.yaml", false,
     R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: web}
spec:
  target: {kind: Deployment, name: web}
  policy: {enforcer: BPF, mod: RuntimeDefault}
)",
     R"(p.yaml:6:27: error: spec.policy.mod: unknown key "mod" [unknown-field]
  fix: did you mean "mode"?
)"},
    {"RequiredKeysMissing", "p.yaml", false,
     R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {}
spec:
  target:
    name: web
  policy: {enforcer: BPF}
)",
     R"(p.yaml:3:11: error: metadata.name: required key "name" is missing [missing-field]
  fix: add "name:"
p.yaml:6:5: error: spec.target.kind: required key "kind" is missing [missing-field]
  fix: write one of Deployment, StatefulSet, DaemonSet, Pod
p.yaml:7:11: error: spec.policy.mode: required key "mode" is missing [missing-field]
  fix: write one of AlwaysAllow, RuntimeDefault, EnhanceProtect, BehaviorModeling, DefenseInDepth
)"},
    {"RequiredKeyWithoutValue", "p.yaml", false,
     R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: web}
spec:
)",
     R"(p.yaml:4:1: error: spec: required key "spec" is missing [missing-field]
  fix: add "spec:"
)"},
    {"KeyTwice", "p.yaml", true,
     R"(      auditViolations: true
      privileged: false
)",
     R"(p.yaml:12:7: error: spec.policy.enhanceProtect.privileged: key "privileged" stands twice, first at line 10, column 7 [duplicate-key]
  fix: keep one of the two
)"},
    {"KeyTwiceAmongMany", "p.yaml", false,
     R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata:
  name: web
  labels: {a: x, b: x, c: x, d: x, e: x, f: x, g: x, h: x, i: x, j: x, k: x, l: x, m: x, o: x, p: x, q: x, r: x, c: z}
spec:
  target: {kind: Pod, name: web}
  policy: {enforcer: BPF, mode: RuntimeDefault}
)",
     R"(p.yaml:5:114: error: metadata.labels.c: key "c" stands twice, first at line 5, column 24 [duplicate-key]
  fix: keep one of the two
)"},
    {"TextForBoolean", "p.yaml", true,
     R"(      auditViolations: "yes"
      allowViolations: maybe
)",
     R"(p.yaml:11:24: error: spec.policy.enhanceProtect.auditViolations: text "yes" stands where true or false is wanted [wrong-type]
  fix: write true without quotes
p.yaml:12:24: error: spec.policy.enhanceProtect.allowViolations: text "maybe" stands where true or false is wanted [wrong-type]
  fix: write true or false
)"},
    {"NumberForText", "p.yaml", true, "      hardeningRules: [8080, 1.5, 0x1f, yes, ~]\n",
     R"(p.yaml:11:24: error: spec.policy.enhanceProtect.hardeningRules[0]: the number 8080 stands where text is wanted [wrong-type]
  fix: write "8080" in quotes
p.yaml:11:30: error: spec.policy.enhanceProtect.hardeningRules[1]: the number 1.5 stands where text is wanted [wrong-type]
  fix: write "1.5" in quotes
p.yaml:11:35: error: spec.policy.enhanceProtect.hardeningRules[2]: the number 0x1f stands where text is wanted [wrong-type]
  fix: write "0x1f" in quotes
p.yaml:11:41: error: spec.policy.enhanceProtect.hardeningRules[3]: the boolean yes stands where text is wanted [wrong-type]
  fix: write "yes" in quotes
p.yaml:11:46: error: spec.policy.enhanceProtect.hardeningRules[4]: nothing stands where text is wanted [wrong-type]
  fix: write one text
)"},
    {"TextForList", "p.yaml", true, "      hardeningRules: disable-cap-net-raw\n",
     R"(p.yaml:11:23: error: spec.policy.enhanceProtect.hardeningRules: text "disable-cap-net-raw" stands where a list is wanted [wrong-type]
  fix: begin every item with "- "
)"},
    {"ListForObject", "p.yaml", true, "      bpfRawRules: [a]\n",
     R"(p.yaml:11:20: error: spec.policy.enhanceProtect.bpfRawRules: a list stands where an object is wanted [wrong-type]
  fix: write `key: value` pairs below it, indented
)"},
    {"ObjectForText", "p.yaml", true, "      hardeningRules: [{a: b}]\n",
     R"(p.yaml:11:24: error: spec.policy.enhanceProtect.hardeningRules[0]: an object stands where text is wanted [wrong-type]
  fix: write one text
)"},
    {"NumberForRawRule", "p.yaml", true, "      appArmorRawRules: [5]\n",
     R"(p.yaml:11:26: error: spec.policy.enhanceProtect.appArmorRawRules[0]: the number 5 stands where an object is wanted [wrong-type]
  fix: write `key: value` pairs below it, indented
)"},
    {"LabelNotText", "p.yaml", false,
     R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: web, labels: {version: 1.0, on: true, "a.b/c": [x]}}
spec:
  target: {kind: Pod, name: web}
  policy: {enforcer: BPF, mode: RuntimeDefault}
)",
     R"(p.yaml:3:41: error: metadata.labels.version: the number 1.0 stands where text is wanted [wrong-type]
  fix: write "1.0" in quotes
p.yaml:3:50: error: metadata.labels.on: the boolean true stands where text is wanted [wrong-type]
  fix: write "true" in quotes
p.yaml:3:65: error: metadata.labels["a.b/c"]: a list stands where text is wanted [wrong-type]
  fix: write one text
)"},
    {"PortsOutOfRange", "p.yaml", true,
     R"(      bpfRawRules:
        network:
          egress:
            toDestinations:
            - ip: 10.0.0.1
              ports: [{port: 0}, {port: 65536}, {port: -1}, {port: 80.5}, {port: "80"}, {port: http}, {port: 1e3}, {port: 0o20}, {port: 0100}]
)",
     R"(p.yaml:16:30: error: spec.policy.enhanceProtect.bpfRawRules.network.egress.toDestinations[0].ports[0].port: 0 is not a whole number from 1 to 65535 [out-of-range]
p.yaml:16:41: error: spec.policy.enhanceProtect.bpfRawRules.network.egress.toDestinations[0].ports[1].port: 65536 is not a whole number from 1 to 65535 [out-of-range]
p.yaml:16:56: error: spec.policy.enhanceProtect.bpfRawRules.network.egress.toDestinations[0].ports[2].port: -1 is not a whole number from 1 to 65535 [out-of-range]
p.yaml:16:68: error: spec.policy.enhanceProtect.bpfRawRules.network.egress.toDestinations[0].ports[3].port: 80.5 is not a whole number from 1 to 65535 [out-of-range]
p.yaml:16:82: error: spec.policy.enhanceProtect.bpfRawRules.network.egress.toDestinations[0].ports[4].port: text "80" stands where a whole number is wanted [wrong-type]
  fix: write 80 without quotes
p.yaml:16:96: error: spec.policy.enhanceProtect.bpfRawRules.network.egress.toDestinations[0].ports[5].port: text "http" stands where a whole number is wanted [wrong-type]
  fix: write a whole number
)"},
    {"NumbersOf64Bits", "p.yaml", true,
     R"(      syscallRawRules:
      - names: [ioctl]
        action: SCMP_ACT_ERRNO
        args:
        - {index: 0, value: 9223372036854775808, op: SCMP_CMP_EQ}
        - {index: 1, value: 18446744073709551615, op: SCMP_CMP_EQ}
        - {index: 2, value: 18446744073709551616, op: SCMP_CMP_EQ}
        - {index: 6, value: 1, op: SCMP_CMP_EQ}
        errnoRet: 4294967296
)",
     R"(p.yaml:17:29: error: spec.policy.enhanceProtect.syscallRawRules[0].args[2].value: 18446744073709551616 is not a whole number from 0 to 18446744073709551615 [out-of-range]
p.yaml:18:19: error: spec.policy.enhanceProtect.syscallRawRules[0].args[3].index: 6 is not a whole number from 0 to 5 [out-of-range]
p.yaml:19:19: error: spec.policy.enhanceProtect.syscallRawRules[0].errnoRet: 4294967296 is not a whole number from 0 to 4294967295 [out-of-range]
)"},
    {"DurationOutOfRange", "p.yaml", false,
     R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: web}
spec:
  target: {kind: Pod, name: web}
  policy: {enforcer: BPF, mode: BehaviorModeling, modelingOptions: {duration: 0}}
)",
     R"(p.yaml:6:79: error: spec.policy.modelingOptions.duration: 0 is not a whole number from 1 to 5256000 [out-of-range]
)"},
    {"UnknownWords", "p.yaml", false,
     R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: web}
spec:
  target: {kind: ReplicaSet, name: web}
  policy: {enforcer: BPF, mode: enhanceprotect}
)",
     R"(p.yaml:5:18: error: spec.target.kind: unknown value "ReplicaSet" [unknown-value]
  fix: known are Deployment, StatefulSet, DaemonSet, Pod
p.yaml:6:33: error: spec.policy.mode: unknown value "enhanceprotect" [unknown-value]
  fix: did you mean "EnhanceProtect"? known are AlwaysAllow, RuntimeDefault, EnhanceProtect, BehaviorModeling, DefenseInDepth
)"},
    {"LegacyForms", "p.yaml", true,
     R"(      appArmorRawRules:
      - deny /a r,
      bpfRawRules:
        network:
          egresses:
          - ipBlock: 10.0.0.0/8
)",
     R"(p.yaml:12:9: note: spec.policy.enhanceProtect.appArmorRawRules[0]: plain text in place of an object is the form of an older schema [legacy-field]
  fix: write an object with the key "rules"
p.yaml:15:11: note: spec.policy.enhanceProtect.bpfRawRules.network.egresses: key "egresses" belongs to an older schema [legacy-field]
  fix: use "egress.toDestinations" instead
)"},
    {"ObjectUnderAnOldKey", "p.yaml", true,
     R"(      bpfRawRules:
        network:
          egresses:
            toDestinations: []
)",
     R"(p.yaml:13:11: note: spec.policy.enhanceProtect.bpfRawRules.network.egresses: key "egresses" belongs to an older schema [legacy-field]
  fix: use "egress.toDestinations" instead
p.yaml:14:13: error: spec.policy.enhanceProtect.bpfRawRules.network.egresses: an object stands where a list is wanted [wrong-type]
  fix: write "egress" for "egresses"
)"},
    {"OldKeyWithoutValueIsNoRemark", "p.yaml", true, "      bpfRawRules: {network: {egresses: }}\n",
     ""},
    {"KeysWithOddCharacters", "p.yaml", true,
     R"(      a.b: 1
      "c\"d": 1
)",
     R"(p.yaml:11:7: error: spec.policy.enhanceProtect["a.b"]: unknown key "a.b" [unknown-field]
  fix: known here: hardeningRules, attackProtectionRules, vulMitigationRules, appArmorRawRules, bpfRawRules, syscallRawRules, networkProxyRawRules, privileged, auditViolations, allowViolations
p.yaml:12:7: error: spec.policy.enhanceProtect["c\"d"]: unknown key "c\"d" [unknown-field]
  fix: known here: hardeningRules, attackProtectionRules, vulMitigationRules, appArmorRawRules, bpfRawRules, syscallRawRules, networkProxyRawRules, privileged, auditViolations, allowViolations
)"},
    {"BadNames", "p.yaml", false,
     R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: My_Web, namespace: a.b}
spec:
  target: {kind: Pod, name: web}
  policy: {enforcer: BPF, mode: RuntimeDefault}
)",
     R"(p.yaml:3:18: error: metadata.name: "My_Web" is not a valid name [bad-name]
  fix: did you mean "my-web"?
p.yaml:3:37: error: metadata.namespace: "a.b" is not a valid namespace [bad-name]
  fix: did you mean "a-b"?
)"},
    {"NameWithOtherLetters", "p.yaml", false,
     R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: café-web}
spec:
  target: {kind: Pod, name: web}
  policy: {enforcer: BPF, mode: RuntimeDefault}
)",
     R"(p.yaml:3:18: error: metadata.name: "café-web" is not a valid name [bad-name]
  fix: did you mean "caf--web"?
)"},
    {"NameBeyondRepair", "p.yaml", false,
     R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: "-"}
spec:
  target: {kind: Pod, name: web}
  policy: {enforcer: BPF, mode: RuntimeDefault}
)",
     R"(p.yaml:3:18: error: metadata.name: "-" is not a valid name [bad-name]
  fix: use lower-case letters, digits and "-" or ".", at most 253 of them, beginning and ending with a letter or digit
)"},
    {"ClusterPolicyWithNamespace", "p.yaml", false,
     R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorClusterPolicy
metadata: {name: web, namespace: shop}
spec:
  target: {kind: Pod, name: web}
  policy: {enforcer: BPF, mode: RuntimeDefault}
)",
     R"(p.yaml:3:34: error: metadata.namespace: a VarmorClusterPolicy has no namespace; "shop" would be ignored [namespace-ignored]
  fix: remove the key, or write kind: VarmorPolicy
)"},
    {"KindMistyped", "p.yaml", false,
     R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolcy
)",
     R"(p.yaml:2:7: error: kind: unknown kind "VarmorPolcy" in group crd.varmor.org [unknown-kind]
  fix: did you mean "VarmorPolicy"?
)"},
    {"KindUnknown", "p.yaml", false,
     R"(apiVersion: crd.varmor.org/v1beta1
kind: Firewall
)",
     R"(p.yaml:2:7: error: kind: unknown kind "Firewall" in group crd.varmor.org [unknown-kind]
  fix: policies are VarmorPolicy and VarmorClusterPolicy
)"},
    {"VersionUnknown", "p.yaml", false,
     R"(apiVersion: crd.varmor.org/v1
kind: VarmorPolicy
)",
     R"(p.yaml:1:13: error: apiVersion: unknown version "crd.varmor.org/v1" [unknown-version]
  fix: write crd.varmor.org/v1beta1
)"},
    {"VersionMissing", "p.yaml", false,
     R"(apiVersion: v1beta1
kind: VarmorPolicy
)",
     R"(p.yaml:1:13: error: apiVersion: unknown group "v1beta1" for kind "VarmorPolicy" [unknown-version]
  fix: write crd.varmor.org/v1beta1
)"},
    {"GroupMistyped", "p.yaml", false,
     R"(apiVersion: crd.varmour.org/v1beta1
kind: VarmorPolcy
)",
     R"(p.yaml:1:13: error: apiVersion: unknown group "crd.varmour.org" for kind "VarmorPolcy" [unknown-version]
  fix: write crd.varmor.org/v1beta1
)"},
    {"KindMissing", "p.yaml", false, "metadata: {name: web}\n",
     R"(p.yaml:1:1: error: apiVersion: required key "apiVersion" is missing [missing-field]
  fix: a policy begins with apiVersion: crd.varmor.org/v1beta1 and kind: VarmorPolicy or VarmorClusterPolicy
p.yaml:1:1: error: kind: required key "kind" is missing [missing-field]
  fix: a policy begins with apiVersion: crd.varmor.org/v1beta1 and kind: VarmorPolicy or VarmorClusterPolicy
)"},
    {"KindNotText", "p.yaml", false,
     R"(apiVersion: [a]
kind: {}
)",
     R"(p.yaml:1:13: error: apiVersion: "apiVersion" is not a word [wrong-type]
  fix: write one word after the colon
p.yaml:2:7: error: kind: "kind" is not a word [wrong-type]
  fix: write one word after the colon
)"},
    {"NotAnObject", "p.yaml", false,
     R"(- a
---
hello
---
[]
)",
     R"(p.yaml:1:1: error: the document is a list, not an object [not-an-object]
  fix: a policy is an object with the keys apiVersion, kind, metadata and spec
p.yaml:3:1: error: the document is text, not an object [not-an-object]
  fix: a policy is an object with the keys apiVersion, kind, metadata and spec
p.yaml:5:1: error: the document is a list, not an object [not-an-object]
  fix: a policy is an object with the keys apiVersion, kind, metadata and spec
)"},
    {"ListsAndItems", "p.yaml", false,
     R"(apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod}
- apiVersion: crd.varmor.org/v1beta1
  kind: VarmorPolicy
  metadata: {name: web, name: web}
  spec: 5
- text
---
apiVersion: crd.varmor.org/v1beta1
kind: VarmorClusterPolicyList
items:
- metadata: {name: Web}
  spec:
    target: {kind: Pod, name: web}
    policy: {enforcer: BPF, mode: RuntimeDefault}
---
{apiVersion: v1, kind: List, items: 5}
)",
     R"(p.yaml:7:25: error: metadata.name: key "name" stands twice, first at line 7, column 14 [duplicate-key]
  fix: keep one of the two
p.yaml:8:9: error: spec: the number 5 stands where an object is wanted [wrong-type]
  fix: write `key: value` pairs below it, indented
p.yaml:9:3: error: items[2]: the document is text, not an object [not-an-object]
  fix: a policy is an object with the keys apiVersion, kind, metadata and spec
p.yaml:14:20: error: metadata.name: "Web" is not a valid name [bad-name]
  fix: did you mean "web"?
p.yaml:19:37: error: items: the items of a list are not written as a list [wrong-type]
  fix: begin every item with "- "
)"},
    {"ErrorsOfEveryDocument", "p.yaml", false,
     R"(apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolcy
---
apiVersion: v1
kind: Pod
kind: Pod
---
kind: x
---
a: [
---
kind: y
)",
     R"(p.yaml:2:7: error: kind: unknown kind "VarmorPolcy" in group crd.varmor.org [unknown-kind]
  fix: did you mean "VarmorPolicy"?
p.yaml:6:1: warning: kind: key "kind" stands twice, first at line 5, column 1 [duplicate-key]
  fix: keep one of the two
p.yaml:8:1: error: apiVersion: required key "apiVersion" is missing [missing-field]
  fix: a policy begins with apiVersion: crd.varmor.org/v1beta1 and kind: VarmorPolicy or VarmorClusterPolicy
p.yaml:11:1: error: not valid YAML: a "[" is not closed; nothing after this place was read [syntax]
  fix: check the indentation and the quotes of this line and the one before
)"},
    {"Empty", "p.yaml", false, "", ""},
    {"CommentsOnly", "p.yaml", false,
     R"(# one

# two
)",
     ""},
    {"NotUtf8", "p.yaml", false, "a: b\nc: \"\xc3(\"\n",
     R"(p.yaml:2:5: error: byte 0xc3 is not UTF-8 [bad-text]
  fix: save the file as UTF-8
)"},
    {"OverlongUtf8", "p.yaml", false, "a: \xc0\xaf\n",
     R"(p.yaml:1:4: error: byte 0xc0 is not UTF-8 [bad-text]
  fix: save the file as UTF-8
)"},
    {"SurrogateInUtf8", "p.yaml", false, "a: \xed\xa0\x80\n",
     R"(p.yaml:1:4: error: byte 0xed is not UTF-8 [bad-text]
  fix: save the file as UTF-8
)"},
    {"NulByte", "p.yaml", false, Bytes("a: b\n\x00\n"),
     R"(p.yaml:2:1: error: the text has a NUL byte [bad-text]
  fix: save the file as UTF-8 text
)"},
    {"NulEscape", "p.yaml", false, "a: \"x\\0y\"\n",
     R"(p.yaml:1:4: error: a: text "x\x00y" has a NUL character [nul-character]
  fix: remove the escape that stands for it
)"},
    {"ControlCharacter", "p.yaml", false,
     "a: b\x04"
     "c: d\n",
     R"(p.yaml:1:5: error: the text has the control character 0x04 [bad-text]
  fix: remove it, or write it as an escape in double quotes
)"},
    {"TabsForIndentation", "p.yaml", false,
     R"(a:
	b: c
)",
     R"(p.yaml:2:3: error: not valid YAML: a ":" where no key can stand; nothing after this place was read [syntax]
  fix: indent with spaces; YAML allows no tabs there
)"},
    {"ByteOrderMark", "p.yaml", false, "\xef\xbb\xbfkind: x\n",
     R"(p.yaml:1:1: error: apiVersion: required key "apiVersion" is missing [missing-field]
  fix: a policy begins with apiVersion: crd.varmor.org/v1beta1 and kind: VarmorPolicy or VarmorClusterPolicy
)"},
    {"QuoteNeverClosed", "p.yaml", false,
     R"(a: "b
c: d
)",
     R"(p.yaml:1:4: error: a: not valid YAML: the text's quote is never closed; nothing from here on was read [syntax]
  fix: close it, or write a quote inside text twice
)"},
    {"BracketNeverClosed", "p.yaml", false,
     R"(a: [b
c: d
)",
     R"(p.yaml:2:2: error: not valid YAML: a "[" is not closed; nothing after this place was read [syntax]
  fix: check the indentation, and quote text that has special characters
)"},
    {"ColonInText", "p.yaml", false, "a: b: c\n",
     R"(p.yaml:1:5: error: not valid YAML: a ":" where no key can stand; nothing after this place was read [syntax]
  fix: check the indentation, and quote text that has special characters
)"},
    {"Template", "p.yaml", false, "a: {{ .Values.a }}\n",
     R"(p.yaml:1:5: error: a: a key is a list or an object instead of text [bad-key]
  fix: write the key as text; "{{" belongs to a template, which has to be rendered first
)"},
    {"TemplateLine", "p.yaml", false,
     R"({{- if .Values.a }}
a: b
{{- end }}
)",
     R"(p.yaml:1:3: error: not valid YAML: a "-" where no list can stand; nothing after this place was read [syntax]
  fix: render the template first; this is not YAML yet
)"},
    {"TextAfterTheEnd", "p.yaml", false,
     R"("a"
"b"
)",
     R"(p.yaml:1:1: error: the document is text, not an object [not-an-object]
  fix: a policy is an object with the keys apiVersion, kind, metadata and spec
p.yaml:2:1: error: not valid YAML: text after the end of the document; nothing from here on was read [syntax]
  fix: check the indentation, or separate documents by a line "---"
)"},
    {"OddIndentation", "p.yaml", false,
     R"(a: b
 c: d
)",
     R"(p.yaml:2:3: error: not valid YAML: a ":" where no key can stand; nothing after this place was read [syntax]
  fix: check the indentation, and quote text that has special characters
)"},
    {"CustomTag", "p.yaml", false, "a: !Ref b\n",
     R"(p.yaml:1:4: error: a: tag "!Ref" is unknown [unknown-tag]
  fix: remove the tag
)"},
    {"AliasOfNothing", "p.yaml", false, "a: *b\n",
     R"(p.yaml:1:4: error: not valid YAML: an alias that nothing defines; nothing after this place was read [syntax]
  fix: check the indentation, and quote text that has special characters
)"},
    {"AliasInItself", "p.yaml", false,
     R"(a: &a
  b: *a
)",
     R"(p.yaml:2:6: error: a.b: the alias stands inside what it refers to [bad-alias]
  fix: write the value out in full
)"},
    {"MergeOfText", "p.yaml", false,
     R"(a: &a x
b: {<<: *a}
)",
     R"(p.yaml:1:4: error: b: the value of "<<" is not an object [bad-merge]
  fix: refer to an object: `<<: *name`
)"},
    {"ListAsKey", "p.yaml", false,
     R"(? [a]
: b
)",
     R"(p.yaml:1:3: error: a key is a list or an object instead of text [bad-key]
  fix: write the key as text; "{{" belongs to a template, which has to be rendered first
)"},
    {"KeyWithoutText", "p.yaml", false, "~: b\n",
     R"(p.yaml:1:1: error: a key is empty [bad-key]
  fix: write the key as text
)"},
    {"JsonCommaAtTheEnd", "p.json", false,
     R"({"apiVersion": "v1",
 "kind": "Pod",
}
)",
     R"(p.json:3:1: error: not valid JSON: missing a name for object member; nothing after this place was read [syntax]
  fix: write the key in double quotes; a comma may not follow the last pair
)"},
    {"JsonWithoutEnd", "-", false, "{\"kind\": \"Pod\"\n",
     R"(-:2:1: error: not valid JSON: missing a comma or '}' after an object member; nothing after this place was read [syntax]
  fix: write a comma between two pairs and "}" after the last
)"},
    {"JsonHalfSurrogate", "p.json", false, "{\"kind\": \"\\ud83d\"}",
     R"(p.json:1:11: error: not valid JSON: the surrogate pair in string is invalid; nothing after this place was read [syntax]
  fix: write both halves of the surrogate pair, or the character itself
)"},
    // Found by the fuzzer; the YAML parser never comes to an end here.
    {"CommaAfterTheEnd", "p.yaml", false, "...\n, \"a\": b\n",
     R"(p.yaml:2:1: error: not valid YAML: text after the end of the document; nothing from here on was read [syntax]
  fix: check the indentation, or separate documents by a line "---"
)"},
    // Found by the fuzzer.
    {"EscapeCutShort", "p.yaml", false, R"("\u)",
     R"(p.yaml:1:4: error: not valid YAML: an escape without its hexadecimal digits; nothing after this place was read [syntax]
  fix: check the indentation and the quotes of this line and the one before
)"},
    {"JsonSecondHalfOfASurrogate", "p.json", false, R"({"kind": "\ude00"})",
     R"(p.json:1:10: error: kind: not valid JSON: half of a surrogate pair; nothing after this place was read [syntax]
  fix: write both halves of the pair, or the character itself
)"},
    {"JsonAfterJson", "p.json", false,
     R"({"apiVersion": "v1", "kind": "Pod"}
[1] {"kind": 2})",
     R"(p.json:2:1: error: the document is a list, not an object [not-an-object]
  fix: a policy is an object with the keys apiVersion, kind, metadata and spec
p.json:2:5: error: apiVersion: required key "apiVersion" is missing [missing-field]
  fix: a policy begins with apiVersion: crd.varmor.org/v1beta1 and kind: VarmorPolicy or VarmorClusterPolicy
)"},
    {"JsonKeyTwice", "p.json", false,
     R"({"kind": "Pod",
 "kind": "Pod"})",
     R"(p.json:1:1: error: apiVersion: required key "apiVersion" is missing [missing-field]
  fix: a policy begins with apiVersion: crd.varmor.org/v1beta1 and kind: VarmorPolicy or VarmorClusterPolicy
p.json:2:2: error: kind: key "kind" stands twice, first at line 1, column 2 [duplicate-key]
  fix: keep one of the two
)"},
    {"JsonNulEscape", "p.json", false, "{\"kind\": \"a\\u0000b\"}",
     R"(p.json:1:10: error: kind: text "a\x00b" has a NUL character [nul-character]
  fix: remove the escape that stands for it
)"},
    {"YamlNamedJson", "p.json", false, "kind: Pod\n",
     R"(p.json:1:1: error: not valid JSON: invalid value; nothing after this place was read [syntax]
  fix: write text in double quotes; a comma may not follow the last item
)"},
    {"FlowYaml", "-", false, "{apiVersion: crd.varmor.org/v1beta1, kind: VarmorPolcy}",
     R"(-:1:44: error: kind: unknown kind "VarmorPolcy" in group crd.varmor.org [unknown-kind]
  fix: did you mean "VarmorPolicy"?
)"},

};

INSTANTIATE_TEST_SUITE_P(All, BadInputTest, testing::ValuesIn(kBadCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(BadInputTest, CarriageReturnsDoNotMovePlaces) {
  std::string text = std::string(kBase) + "      hardningRules: [x]\n";
  for (size_t i = 0; (i = text.find('\n', i)) != std::string::npos; i += 2) text.insert(i, "\r");
  EXPECT_EQ(Rendered("p.yaml", text),
            "p.yaml:11:7: error: spec.policy.enhanceProtect.hardningRules: unknown key "
            "\"hardningRules\" [unknown-field]\n"
            "  fix: did you mean \"hardeningRules\"?\n");
}

TEST(BadInputTest, ErrorsOfOneDocumentAreCutAfterAThousand) {
  std::string text = kBase;
  for (int i = 0; i < 2000; ++i) text += "unknown" + std::to_string(i) + ": 1\n";
  LoadResult result = LoadPolicies({{"p.yaml", text}}, LoadOptions());
  ASSERT_EQ(result.policies.size(), 1u);
  const auto& list = result.policies[0].diagnostics.list();
  ASSERT_EQ(list.size(), 1001u);
  EXPECT_EQ(list.back().problem, "more than 1000 mistakes; the others are not listed");
}

TEST(BadInputTest, LongListsAreRefused) {
  std::string text = std::string(kBase) + "      hardeningRules: [";
  for (int i = 0; i < 100001; ++i) text += "a,";
  EXPECT_EQ(Rendered("p.yaml", text + "]\n"),
            "p.yaml:11:23: error: spec.policy.enhanceProtect.hardeningRules: the list has 100001 "
            "items; 100000 are allowed [too-many-items]\n"
            "  fix: split the policy\n");
}

}  // namespace
}  // namespace varmor
