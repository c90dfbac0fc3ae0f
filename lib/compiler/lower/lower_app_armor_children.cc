#include "lib/compiler/lower/lower_app_armor_children.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/lower/lower_app_armor_base.h"
#include "lib/compiler/lower/lower_app_armor_body.h"

namespace varmor {
namespace {

struct Unit {
  std::vector<AppArmorTarget> targets;
  AppArmorBody body;
};

AppArmorLine DiskLineOf(const AppArmorRule& rule) {
  const std::string qualifiers =
      absl::StrCat(rule.action.audit ? "audit " : "", rule.action.deny ? "deny " : "");
  AppArmorLine line;
  line.disk = rule.kind == AppArmorRule::Kind::kDiskDeviceMount
                  ? AppArmorDiskLine{qualifiers + "mount ", ","}
                  : AppArmorDiskLine{qualifiers, absl::StrCat(" ", rule.permissions, ",")};
  line.action = rule.action;
  return line;
}

// What a raw statement does, in its own words.
Action ActionOf(const AppArmorStatement& statement) {
  Action action;
  action.deny = statement.deny;
  action.audit = statement.audit;
  action.allow = !statement.deny;
  return action;
}

std::vector<AppArmorLine> LinesOf(const AppArmorBody& body) {
  return body.sections().empty() ? std::vector<AppArmorLine>() : body.sections().front().lines;
}

AppArmorTarget TargetOf(const AppArmorTargetRules& rules) {
  return {rules.target, rules.rules.empty() ? "" : rules.rules.front().origin.field};
}

std::vector<Unit> JoinByTarget(const std::vector<AppArmorTargetRules>& rules) {
  std::vector<Unit> units;
  std::map<std::string, size_t> index_of;
  for (const AppArmorTargetRules& one : rules) {
    const auto [where, is_new] = index_of.emplace(one.target, units.size());
    if (is_new) units.push_back({{TargetOf(one)}, {}});
    for (const AppArmorRule& rule : one.rules) units[where->second].body.Add(AppArmorLineOf(rule));
  }
  return units;
}

std::set<std::string> TextsOf(const std::vector<AppArmorLine>& lines) {
  std::set<std::string> texts;
  for (const AppArmorLine& line : lines) texts.insert(AppArmorLineText(line));
  return texts;
}

}  // namespace

AppArmorLine AppArmorLineOf(const AppArmorRule& rule) {
  AppArmorLine line;
  if (rule.kind != AppArmorRule::Kind::kStatement) {
    line = DiskLineOf(rule);
  } else if (rule.builtin) {
    line.statement = QualifiedStatement(rule.statement, rule.action);
    line.action = rule.action;
  } else {
    line.statement = rule.statement;
    line.action = ActionOf(rule.statement);
  }
  line.origins = {rule.origin};
  return line;
}

std::vector<AppArmorChild> JoinTargets(const std::vector<AppArmorTargetRules>& units) {
  std::vector<Unit> joined;
  std::map<std::set<std::string>, size_t> index_of;
  for (Unit& unit : JoinByTarget(units)) {
    std::vector<AppArmorLine> lines = LinesOf(unit.body);
    const auto [where, is_new] = index_of.emplace(TextsOf(lines), joined.size());
    if (is_new) {
      joined.push_back(std::move(unit));
    } else {
      joined[where->second].targets.push_back(unit.targets.front());
      joined[where->second].body.AddAll(std::move(lines));
    }
  }
  std::vector<AppArmorChild> children;
  for (Unit& unit : joined) children.push_back({std::move(unit.targets), LinesOf(unit.body)});
  return children;
}

}  // namespace varmor
