// What lint calls superfluous is: without it the policy means the same. The oracles know nothing of
// lint: Diff for BPF and seccomp, and for AppArmor the bytes that its own parser makes.
#include <algorithm>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/parse_statements.h"
#include "lib/compiler/apparmor/testing/parser_oracle.h"
#include "lib/compiler/bind/bind_app_armor.h"
#include "lib/compiler/diff/diff.h"
#include "lib/compiler/lint/lint_policy.h"
#include "lib/compiler/load/field_path.h"

namespace varmor {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const std::set<std::string>& SuperfluousLints() {
  static const auto& lints = *new std::set<std::string>{
      "shadowed-rule",       "implied-rule",   "covered-by-default",
      "deny-swallows-allow", "duplicate-rule", "apparmor-deny-swallows-allow"};
  return lints;
}

CompileResult MustCompile(const LoadedPolicy& policy) {
  CompileOptions options;
  options.keep_rules = true;
  absl::StatusOr<CompileResult> result = Compile(policy, options, BuiltinCatalogue());
  EXPECT_TRUE(result.ok()) << result.status();
  return *std::move(result);
}

ArtifactSet OthersThanAppArmor(const CompileResult& result) {
  ArtifactSet set;
  if (result.bpf.has_value()) set.bpf = &*result.bpf;
  if (result.seccomp.has_value()) set.seccomp = &*result.seccomp;
  return set;
}

// Takes the item or section at the end of `steps` out of `message`.
void Remove(const std::vector<FieldStep>& steps, Message* message) {
  for (size_t i = 0; i < steps.size(); ++i) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByCamelcaseName(steps[i].key);
    ASSERT_NE(nullptr, field) << steps[i].key;
    const auto* reflection = message->GetReflection();
    if (!field->is_repeated()) {
      if (i + 1 == steps.size()) return reflection->ClearField(message, field);
      message = reflection->MutableMessage(message, field);
      continue;
    }
    ASSERT_LT(i + 1, steps.size());
    const int index = static_cast<int>(steps[++i].index);
    if (i + 1 < steps.size()) {
      message = reflection->MutableRepeatedMessage(message, field, index);
      continue;
    }
    for (int j = index; j + 1 < reflection->FieldSize(*message, field); ++j) {
      reflection->SwapElements(message, field, j, j + 1);
    }
    return reflection->RemoveLast(message, field);
  }
}

AppArmorRawRules* RawItem(const std::vector<FieldStep>& steps, PolicyObject& object) {
  PolicyBody& body = *object.mutable_spec()->mutable_policy();
  const int index = static_cast<int>(steps[steps.size() - 2].index);
  return body.mode() == "EnhanceProtect"
             ? body.mutable_enhance_protect()->mutable_app_armor_raw_rules(index)
             : body.mutable_defense_in_depth()->mutable_app_armor()->mutable_app_armor_raw_rules(
                   index);
}

// Takes the statement that the finding names out of the text of an item.
void RemoveStatement(const std::string& problem, AppArmorRawRules& item) {
  Diagnostics diagnostics;
  std::string text;
  int removed = 0;
  for (const AppArmorStatement& statement :
       ParseAppArmorStatements(item.rules(), "rules", AppArmorParseOptions(), diagnostics)) {
    const std::string printed = ToString(statement);
    const bool named = absl::StartsWith(problem, Quoted(printed)) ||
                       absl::StartsWith(problem, "rule " + Quoted(printed));
    if (named && removed++ == 0) continue;
    absl::StrAppend(&text, printed, "\n");
  }
  EXPECT_GE(removed, 1) << problem;
  item.set_rules(text);
}

LoadedPolicy Without(const LoadedPolicy& policy, const Diagnostic& finding) {
  LoadedPolicy changed = policy;
  changed.diagnostics = Diagnostics();
  const std::vector<FieldStep> steps = SplitFieldPath(finding.field);
  if (steps.back().key == "rules" && !steps.back().is_index) {
    RemoveStatement(finding.problem, *RawItem(steps, changed.object));
  } else {
    Remove(steps, &changed.object);
  }
  return changed;
}

// The parser minimises what it compiles, so equal meanings have equal bytes.
std::string AppArmorBytes(const CompileResult& result) {
  if (!result.app_armor.has_value()) return "";
  const ParserVerdict verdict = CompileWithAppArmorParser(UnboundText(*result.app_armor));
  EXPECT_TRUE(verdict.ok) << verdict.messages;
  return verdict.binary;
}

struct Outcome {
  int removed = 0;
  int removed_from_app_armor = 0;
};

void CheckFindings(const std::string& text, Outcome& outcome) {
  const LoadResult loaded = LoadPolicies({{"p.yaml", text}}, LoadOptions());
  ASSERT_EQ(1u, loaded.policies.size());
  const LoadedPolicy& policy = loaded.policies[0];
  const CompileResult before = MustCompile(policy);
  ASSERT_FALSE(before.diagnostics.HasErrors())
      << FormatDiagnostic(before.diagnostics.list()[0]) << text;
  std::vector<Diagnostic> findings = before.diagnostics.list();
  const Diagnostics found = LintPolicy(policy, before, BuiltinCatalogue());
  findings.insert(findings.end(), found.list().begin(), found.list().end());
  std::optional<std::string> bytes;
  for (const Diagnostic& finding : findings) {
    if (SuperfluousLints().count(finding.code) == 0) continue;
    if (absl::StrContains(finding.problem, "makes them report")) continue;  // that is an effect
    const CompileResult after = MustCompile(Without(policy, finding));
    ASSERT_FALSE(after.diagnostics.HasErrors())
        << FormatDiagnostic(finding) << FormatDiagnostic(after.diagnostics.list()[0]);
    const absl::StatusOr<DiffResult> diff =
        Diff(OthersThanAppArmor(before), OthersThanAppArmor(after), SimulateOptions());
    ASSERT_TRUE(diff.ok()) << diff.status();
    for (const Change& change : diff->changes) {
      ADD_FAILURE() << FormatDiagnostic(finding) << "removing it changes " << change.enforcer
                    << ": " << change.what << ": " << change.example.ShortDebugString() << "\n"
                    << text;
    }
    if (!bytes.has_value()) bytes = AppArmorBytes(before);
    EXPECT_TRUE(*bytes == AppArmorBytes(after))
        << FormatDiagnostic(finding) << "removing it changes the AppArmor profile\n"
        << text;
    ++outcome.removed;
    outcome.removed_from_app_armor += bytes->empty() ? 0 : 1;
  }
}

// ---- random policies

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  std::string Policy() {
    switch (Below(5)) {
      case 0:
        return Enhance("BPF", BpfRules(false), "");
      case 1:
        return Enhance("AppArmor", AppArmorRules(), "");
      case 2:
        return Enhance("Seccomp", SeccompRules(), "");
      case 3:
        return Enhance("AppArmorBPF", absl::StrCat(AppArmorRules(), BpfRules(false)), Builtin());
      default:
        return Frame("BPF", "DefenseInDepth",
                     absl::StrCat("    defenseInDepth:\n      bpf:\n        profileType: Custom\n",
                                  Indented(BpfRules(true))));
    }
  }

 private:
  int Below(int end) { return static_cast<int>(random_() % static_cast<uint32_t>(end)); }

  std::string Pick(const std::vector<std::string>& words) {
    return words[static_cast<size_t>(Below(static_cast<int>(words.size())))];
  }

  // Some of the words, at least one.
  std::string Some(const std::vector<std::string>& words) {
    std::vector<std::string> some;
    for (const std::string& word : words) {
      if (Below(2) == 0) some.push_back(word);
    }
    if (some.empty()) some.push_back(words[0]);
    return absl::StrJoin(some, ", ");
  }

  static std::string Indented(const std::string& text) {
    return absl::StrCat(
        "  ",
        absl::StrJoin(absl::StrSplit(absl::string_view(text).substr(0, text.size() - 1), '\n'),
                      "\n  "),
        "\n");
  }

  static std::string Frame(const std::string& enforcer, const std::string& mode,
                           const std::string& section) {
    return absl::StrCat(
        "apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\n"
        "metadata: {name: p, namespace: shop}\nspec:\n"
        "  target: {kind: Deployment, name: w}\n  policy:\n    enforcer: ",
        enforcer, "\n    mode: ", mode, "\n", section);
  }

  std::string Enhance(const std::string& enforcer, const std::string& rules,
                      const std::string& builtin) {
    return Frame(enforcer, "EnhanceProtect",
                 absl::StrCat("    enhanceProtect:\n      privileged: ", Pick({"true", "false"}),
                              "\n", builtin, rules));
  }

  std::string Builtin() {
    return absl::StrCat("      hardeningRules: [",
                        Some({"disable-cap-all", "disable-cap-chown", "disable-cap-net-raw",
                              "disable-cap-privileged", "disallow-mount", "disallow-mount-procfs",
                              "disallow-access-procfs-root"}),
                        "]\n");
  }

  std::string Path() {
    return Pick({"/srv/**", "/srv/*", "/srv/a", "/srv/[a-m]*", "/srv/a/b", "**.key", "/srv/x.key",
                 "/srv/{a,b}", "/srv/a*", "/proc/kcore", "/proc/sysrq-trigger", "/etc/passwd"});
  }

  std::string BpfRules(bool allow_list) {
    std::string out = "      bpfRawRules:\n        files:\n";
    const auto qualifiers = [&] {
      return allow_list ? Pick({"allow", "allow", "deny", "allow, audit"})
                        : Pick({"deny", "deny", "audit", "deny, audit"});
    };
    for (int i = 0; i < 1 + Below(5); ++i) {
      absl::StrAppend(&out, "        - {qualifiers: [", qualifiers(), "], pattern: \"", Path(),
                      "\", permissions: [", Some({"read", "write", "append", "exec"}), "]}\n");
    }
    absl::StrAppend(&out, "        capabilities:\n");
    for (int i = 0; i < 1 + Below(2); ++i) {
      absl::StrAppend(&out, "        - {qualifiers: [", qualifiers(), "], names: [",
                      Some({"chown", "net_raw", "all"}), "]}\n");
    }
    absl::StrAppend(&out, "        network:\n          sockets:\n");
    for (int i = 0; i < 1 + Below(2); ++i) {
      absl::StrAppend(&out, "          - {qualifiers: [", qualifiers(), "], domains: [",
                      Some({"inet", "inet6", "unix"}), "], types: [", Some({"stream", "dgram"}),
                      "]}\n");
    }
    absl::StrAppend(&out, "          egress:\n            toDestinations:\n");
    for (int i = 0; i < 1 + Below(4); ++i) {
      absl::StrAppend(
          &out, "            - {qualifiers: [", qualifiers(),
          "], cidr: ", Pick({"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "\"::/0\"", "0.0.0.0/0"}),
          ", ports: [", Pick({"{port: 80}", "{port: 1, endPort: 100}", "{port: 80}, {port: 443}"}),
          "]}\n");
    }
    return out;
  }

  std::string AppArmorRules() {
    std::string out = "      appArmorRawRules:\n";
    for (int i = 0; i < 1 + Below(2); ++i) {
      absl::StrAppend(&out, "      - rules: |\n");
      for (int j = 0; j < 1 + Below(4); ++j) {
        absl::StrAppend(&out, "          ", Pick({"deny ", "deny ", "audit deny "}),
                        Pick({"", "owner "}), absl::StrReplaceAll(Path(), {{"**.key", "/**.key"}}),
                        " ", Pick({"r", "w", "rw", "rwl", "x"}), ",\n");
      }
      absl::StrAppend(&out, "          deny capability ",
                      Pick({"chown", "net_raw", "chown net_raw"}), ",\n");
      absl::StrAppend(&out, "          deny network ", Pick({"inet", "inet stream", "raw"}), ",\n");
      if (Below(3) == 0) absl::StrAppend(&out, "        targets: [/usr/bin/curl]\n");
    }
    return out;
  }

  std::string SeccompRules() {
    std::string out = "      syscallRawRules:\n";
    for (int i = 0; i < 1 + Below(4); ++i) {
      absl::StrAppend(&out, "      - {names: [", Some({"swapon", "swapoff", "acct"}),
                      "], action: SCMP_ACT_ERRNO",
                      Pick({"", "", ", args: [{index: 0, value: 1, op: SCMP_CMP_EQ}]",
                            ", args: [{index: 0, value: 1, op: SCMP_CMP_EQ}, {index: 1, value: 2, "
                            "op: SCMP_CMP_EQ}]"}),
                      "}\n");
    }
    return out;
  }

  std::mt19937 random_;
};

TEST(LintMeaningTest, WhatIsCalledSuperfluousChangesNothing) {
  Outcome outcome;
  for (uint32_t seed = 0; seed < 100 && !HasFatalFailure(); ++seed) {
    SCOPED_TRACE(seed);
    CheckFindings(Generator(seed).Policy(), outcome);
  }
  EXPECT_GT(outcome.removed, 150);
  EXPECT_GT(outcome.removed_from_app_armor, 30);
}

}  // namespace
}  // namespace varmor
