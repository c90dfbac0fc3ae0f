#include "tools/gen_rule_reference/rule_reference.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "tools/gen_rule_reference/describe_effects.h"

namespace varmor {
namespace {

constexpr absl::string_view kHead = R"(# Built-in rules

<!-- Generated from lib/compiler/catalogue/rules by `bazel run //tools/gen_rule_reference -- --update`. -->

A policy names these rules in `spec.policy.enhanceProtect`: hardening rules in `hardeningRules`, attack
protection rules in `attackProtectionRules`, mitigations in `vulMitigationRules`. Case does not matter,
and `_` stands for `-`.

For every rule and enforcer the table says what is refused, and since which release vArmor has had it
there ("ours" where it never had). Effects are written as the enforcer's own rules are: AppArmor rules
without `deny`; permissions and patterns of the BPF enforcer; system calls with their arguments.

)";

struct Group {
  BuiltinRule::Category category;
  std::string name;
  std::vector<const BuiltinRule*> rules;
};

struct CategoryHeading {
  BuiltinRule::Category category;
  absl::string_view heading;
};

constexpr CategoryHeading kCategories[] = {
    {BuiltinRule::HARDENING, "Hardening"},
    {BuiltinRule::ATTACK_PROTECTION, "Attack protection"},
    {BuiltinRule::VULNERABILITY_MITIGATION, "Vulnerability mitigation"},
};

// In the order of first appearance.
std::vector<Group> GroupsOf(const Catalogue& catalogue) {
  std::vector<Group> groups;
  for (const BuiltinRule& rule : catalogue.rules()) {
    Group* home = nullptr;
    for (Group& group : groups) {
      if (group.category == rule.category() && group.name == rule.group()) home = &group;
    }
    if (home == nullptr) {
      groups.push_back({rule.category(), rule.group(), {}});
      home = &groups.back();
    }
    home->rules.push_back(&rule);
  }
  return groups;
}

// As GitHub makes it: lower case, blanks become hyphens.
std::string Anchor(absl::string_view heading) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(heading), {{" ", "-"}});
}

std::string RuleLink(const BuiltinRule* rule) {
  return absl::StrCat("[`", rule->id(), "`](#", rule->id(), ")");
}

void AppendContents(const std::vector<Group>& groups, std::string& out) {
  for (const CategoryHeading& category : kCategories) {
    absl::StrAppend(&out, "* [", category.heading, "](#", Anchor(category.heading), ")\n");
    for (const Group& group : groups) {
      if (group.category != category.category) continue;
      const std::string rules =
          absl::StrJoin(group.rules, ", ", [](std::string* text, const BuiltinRule* rule) {
            absl::StrAppend(text, RuleLink(rule));
          });
      absl::StrAppend(&out, "  * ", group.name, ": ", rules, "\n");
    }
  }
  absl::StrAppend(&out, "* [The runtime default](#runtime-default)\n\n");
}

std::string Since(absl::string_view version) {
  return version.empty() ? "ours" : std::string(version);
}

template <typename Effects>
void AppendEnforcerRow(absl::string_view name, const Effects& effects, bool with_since,
                       std::string& out) {
  absl::StrAppend(&out, "| ", name, " |");
  if (!effects.not_enforceable().empty()) {
    absl::StrAppend(&out, with_since ? " |" : "", " not enforceable: ", effects.not_enforceable(),
                    " |\n");
    return;
  }
  if (with_since) absl::StrAppend(&out, " ", Since(effects.since()), " |");
  absl::StrAppend(&out, " ", absl::StrJoin(DescribeEffects(effects), "<br>"), " |\n");
}

void AppendTable(const BuiltinRule& rule, bool with_since, std::string& out) {
  absl::StrAppend(&out, with_since ? "| Enforcer | Since | Refuses |\n| --- | --- | --- |\n"
                                   : "| Enforcer | Refuses |\n| --- | --- |\n");
  AppendEnforcerRow("AppArmor", rule.app_armor(), with_since, out);
  AppendEnforcerRow("BPF", rule.bpf(), with_since, out);
  AppendEnforcerRow("Seccomp", rule.seccomp(), with_since, out);
  absl::StrAppend(&out, "\n");
}

void AppendItem(absl::string_view label, absl::string_view text, std::string& out) {
  if (!text.empty()) absl::StrAppend(&out, "* **", label, ":** ", text, "\n");
}

// "man:proc(5)" -> "proc(5)", "CVE-2022-0847" and addresses -> links.
std::string Reference(absl::string_view reference) {
  if (absl::ConsumePrefix(&reference, "man:")) return absl::StrCat("`", reference, "`");
  if (absl::StartsWith(reference, "CVE-")) {
    return absl::StrCat("[", reference, "](https://www.cve.org/CVERecord?id=", reference, ")");
  }
  return absl::StrCat("<", reference, ">");
}

void AppendNotes(const BuiltinRule& rule, std::string& out) {
  const auto event = [](std::string* text, const Event& e) {
    absl::StrAppend(text, DescribeEvent(e));
  };
  const auto reference = [](std::string* text, const std::string& r) {
    absl::StrAppend(text, Reference(r));
  };
  AppendItem("Attack", rule.attack(), out);
  AppendItem("AppArmor does not see", rule.app_armor().cannot_see(), out);
  AppendItem("BPF does not see", rule.bpf().cannot_see(), out);
  AppendItem("Seccomp does not see", rule.seccomp().cannot_see(), out);
  AppendItem("Differs from vArmor", rule.differs(), out);
  AppendItem("Refused, for example", absl::StrJoin(rule.denies(), "; ", event), out);
  AppendItem("Still allowed", absl::StrJoin(rule.still_allows(), "; ", event), out);
  AppendItem("See", absl::StrJoin(rule.references(), ", ", reference), out);
  absl::StrAppend(&out, "\n");
}

void AppendRule(const BuiltinRule& rule, std::string& out) {
  absl::StrAppend(&out, "#### ", rule.id(), "\n\n", rule.summary(), "\n");
  if (!rule.aliases().empty()) {
    absl::StrAppend(&out, "Other name: `", absl::StrJoin(rule.aliases(), "`, `"), "`.\n");
  }
  if (!rule.removed_in().empty()) {
    absl::StrAppend(&out, "vArmor dropped the rule in ", rule.removed_in(), ".\n");
  }
  absl::StrAppend(&out, "\n");
  AppendTable(rule, /*with_since=*/true, out);
  AppendNotes(rule, out);
}

}  // namespace

std::string RuleReference(const Catalogue& catalogue) {
  const std::vector<Group> groups = GroupsOf(catalogue);
  std::string out(kHead);
  AppendContents(groups, out);
  for (const CategoryHeading& category : kCategories) {
    absl::StrAppend(&out, "## ", category.heading, "\n\n");
    for (const Group& group : groups) {
      if (group.category != category.category) continue;
      absl::StrAppend(&out, "### ", group.name, "\n\n");
      for (const BuiltinRule* rule : group.rules) AppendRule(*rule, out);
    }
  }
  const BuiltinRule& base = catalogue.runtime_default();
  absl::StrAppend(&out, "## Runtime default\n\n", base.summary(),
                  " This holds in every policy that is not `privileged`, without being named.\n\n");
  AppendTable(base, /*with_since=*/false, out);
  AppendNotes(base, out);
  while (absl::EndsWith(out, "\n\n")) out.pop_back();
  return out;
}

}  // namespace varmor
