#include "lib/compiler/lower/app_armor_rules_for_test.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/parse_statements.h"
#include "lib/compiler/apparmor/testing/parser_oracle.h"
#include "lib/compiler/bind/bind_app_armor.h"
#include "lib/compiler/emit/emit_app_armor.h"
#include "lib/compiler/lower/lower_app_armor.h"

namespace varmor {
namespace {

std::string Rendered(const Diagnostics& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics.list()) text += FormatDiagnostic(diagnostic);
  return text;
}

std::vector<AppArmorStatement> Parse(const std::string& text, const std::string& field) {
  Diagnostics diagnostics;
  auto statements = ParseAppArmorStatements(text, field, AppArmorParseOptions(), diagnostics);
  EXPECT_EQ(Rendered(diagnostics), "") << text;
  return statements;
}

}  // namespace

std::vector<AppArmorRule> Builtin(const std::string& id, const std::vector<std::string>& bodies,
                                  const Action& action, const std::string& field) {
  std::vector<AppArmorRule> rules;
  AppArmorRule rule;
  rule.builtin = true;
  rule.action = action;
  rule.origin = {id, field};
  for (const std::string& body : bodies) {
    rule.kind = AppArmorRule::Kind::kStatement;
    rule.permissions = "";
    if (body == "disk rw") {
      rule.kind = AppArmorRule::Kind::kDiskDeviceFile;
      rule.permissions = "rw";
      rules.push_back(rule);
      continue;
    }
    if (body == "disk mount") {
      rule.kind = AppArmorRule::Kind::kDiskDeviceMount;
      rules.push_back(rule);
      continue;
    }
    for (AppArmorStatement& statement : Parse("deny " + body + ",", field)) {
      statement.deny = false;
      statement.place = {};
      rule.statement = statement;
      rules.push_back(rule);
    }
  }
  return rules;
}

std::vector<AppArmorRule> Raw(const std::string& text, const std::string& field) {
  std::vector<AppArmorRule> rules;
  for (const AppArmorStatement& statement : Parse(text, field)) {
    AppArmorRule rule;
    rule.statement = statement;
    rule.origin = {"raw", field};
    rules.push_back(rule);
  }
  return rules;
}

std::vector<AppArmorRule> Together(const std::vector<std::vector<AppArmorRule>>& lists) {
  std::vector<AppArmorRule> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

void AddTargets(const std::vector<std::string>& targets, const std::vector<AppArmorRule>& rules,
                AppArmorRules& out) {
  for (const std::string& target : targets) out.target_rules.push_back({target, rules});
}

AppArmorProfile LowerClean(const AppArmorRules& rules) {
  Diagnostics diagnostics;
  const auto profile = LowerAppArmor(rules, kTestProfile, diagnostics);
  EXPECT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(Rendered(diagnostics), "");
  return profile.ok() ? *profile : AppArmorProfile();
}

std::string AcceptedText(const AppArmorProfile& profile) {
  const AppArmorArtifact artifact = EmitAppArmor(profile);
  const std::string text = UnboundText(artifact);
  std::vector<std::string> texts = {text};
  if (HasHoles(artifact)) {
    NodeFacts facts;
    for (const char* name : {"sda", "sda1", "nvme0n1p2", "dm-0"}) {
      facts.add_disk_devices()->set_name(name);
    }
    const auto bound = BindAppArmor(artifact, facts);
    EXPECT_TRUE(bound.ok()) << bound.status();
    if (bound.ok()) texts.push_back(*bound);
  }
  EXPECT_EQ(AppArmorParserRefuses(texts), "");
  return text;
}

std::string Problems(const AppArmorRules& rules, bool lenient) {
  Diagnostics diagnostics(lenient);
  const auto profile = LowerAppArmor(rules, kTestProfile, diagnostics);
  EXPECT_TRUE(profile.ok()) << profile.status();
  return Rendered(diagnostics);
}

std::string Children(const AppArmorProfile& profile) {
  std::string text;
  for (const AppArmorProfile& child : profile.children) {
    absl::StrAppend(&text, child.name);
    for (const AppArmorLine& line : child.sections.front().lines) {
      absl::StrAppend(&text, " ", line.statement.path);
    }
    const std::string own = absl::StrJoin(child.sections.back().lines, " | ",
                                          [](std::string* out, const AppArmorLine& line) {
                                            absl::StrAppend(out, AppArmorLineText(line));
                                          });
    absl::StrAppend(&text, ": ", own, "\n");
  }
  return text;
}

bool Holds(const std::string& text, const std::string& line) {
  return absl::StrContains(text, absl::StrCat(" ", line, "\n"));
}

}  // namespace varmor
