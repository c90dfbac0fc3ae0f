#include "lib/compiler/lower/lower_app_armor.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/apparmor/check_statements.h"
#include "lib/compiler/apparmor/check_target.h"
#include "lib/compiler/apparmor/profile_text.h"
#include "lib/compiler/lower/lower_app_armor_base.h"
#include "lib/compiler/lower/lower_app_armor_body.h"
#include "lib/compiler/lower/lower_app_armor_children.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

using Base = AppArmorRules::Base;

constexpr absl::string_view kBaseInclude = "<abstractions/base>";

std::vector<std::string> Flags() { return {"attach_disconnected", "mediate_deleted"}; }

absl::Status CheckInput(const AppArmorRules& rules, absl::string_view profile_name) {
  if (!IsAppArmorProfileName(profile_name)) {
    return absl::InternalError(absl::StrCat("AppArmor profile name ", Quoted(profile_name)));
  }
  for (const AppArmorTargetRules& unit : rules.target_rules) {
    Diagnostics problems;
    if (!CheckAppArmorTarget(unit.target, "", problems)) {
      return absl::InternalError(absl::StrCat("AppArmor target ", Quoted(unit.target)));
    }
  }
  return absl::OkStatus();
}

// ---- the profile itself

void AddSection(AppArmorSection section, AppArmorBody& body) {
  body.BeginSection(std::move(section.heading));
  body.AddAll(std::move(section.lines));
}

void AddBase(const AppArmorRules& rules, const std::string& profile, const std::string& parent,
             AppArmorBody& body) {
  if (rules.base == Base::kAllowAll) AddSection(AllowAllBase(), body);
  if (rules.base == Base::kRuntimeDefault) {
    AddSection(RuntimeDefaultBase(profile, parent, rules.base_action), body);
  }
}

// Built-in rules come first, as `rules` has them.
void AddRules(const std::vector<AppArmorRule>& rules, AppArmorBody& body) {
  body.BeginSection("Built-in rules.");
  for (const AppArmorRule& rule : rules) {
    if (rule.builtin) body.Add(AppArmorLineOf(rule));
  }
  body.BeginSection("Raw rules.");
  for (const AppArmorRule& rule : rules) {
    if (!rule.builtin) body.Add(AppArmorLineOf(rule));
  }
}

// ---- children

std::string ChildName(size_t index) { return absl::StrCat("child_", index); }

AppArmorLine TargetLine(absl::string_view target, absl::string_view permissions,
                        absl::string_view exec, absl::string_view child) {
  return FrameLine(AppArmorFileStatement(EscapeAppArmorPath(target), permissions, exec, child));
}

// Fields of lines that have no origin of their own, by text.
using FieldOfLine = std::map<std::string, std::string>;

FieldOfLine AddTransitions(const AppArmorRules& rules, const std::string& profile_name,
                           const std::vector<AppArmorChild>& children, AppArmorBody& body) {
  FieldOfLine fields;
  body.BeginSection("Executables with a profile of their own.");
  for (size_t i = 0; i < children.size(); ++i) {
    if (rules.base != Base::kAllowAll) {
      body.AddAll(LinesAboutChild(absl::StrCat(profile_name, "//", ChildName(i))));
    }
    for (const AppArmorTarget& target : children[i].targets) {
      AppArmorLine line = TargetLine(target.path, "", "cx", ChildName(i));
      fields[AppArmorLineText(line)] = target.field;
      body.Add(std::move(line));
    }
  }
  return fields;
}

AppArmorProfile LowerChild(const AppArmorRules& rules, const std::string& profile_name,
                           const AppArmorChild& child, size_t index) {
  AppArmorProfile profile;
  profile.name = ChildName(index);
  profile.flags = Flags();
  profile.includes = {std::string(kBaseInclude)};
  const std::string full_name = absl::StrCat(profile_name, "//", profile.name);

  AppArmorBody body;
  body.BeginSection("The executables of this profile.");
  for (const AppArmorTarget& target : child.targets) {
    body.Add(TargetLine(target.path, "r", "ix", ""));
  }
  if (rules.base == Base::kText) {
    AddSection(DenyAllChildBase(full_name, profile_name), body);
  } else {
    AddBase(rules, full_name, profile_name, body);
    AddRules(rules.rules, body);
  }
  body.BeginSection("Rules of these executables only.");
  body.AddAll(child.lines);
  profile.sections = std::move(body).Take();
  return profile;
}

// ---- somebody else's text

TextPlace PlaceAt(absl::string_view text, size_t offset) {
  const absl::string_view before = text.substr(0, offset);
  const size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return {static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<int>(offset - line_begin) + 1};
}

// Under lenient a wrong name is a warning only, since the profile is renamed.
void CheckName(const AppArmorProfileText& text, const std::string& profile_name,
               const std::string& field, Diagnostics& diagnostics) {
  const AppArmorBlock& block = text.profile();
  if (block.name == profile_name) return;
  diagnostics.StrictError("profile-name", field,
                          absl::StrCat("the profile is called ", Quoted(block.name),
                                       ", but containers will run under ", Quoted(profile_name)),
                          absl::StrCat("call it ", profile_name),
                          PlaceAt(text.text(), block.name_begin));
}

void CheckChildNames(const AppArmorBlock& block, size_t children, const std::string& field,
                     Diagnostics& diagnostics) {
  for (size_t i = 0; i < children; ++i) {
    for (const AppArmorBlock& present : block.children) {
      if (present.name != ChildName(i)) continue;
      diagnostics.Error("child-profile-name", field,
                        absl::StrCat("child profile ", Quoted(present.name),
                                     " has the name of one made for the targets of raw rules"),
                        "give it another name");
    }
  }
}

// A profile's exec table has 12 named transitions: AA_X_TABLE entries of the binary policy that
// apparmor_parser 3 writes.
constexpr size_t kMaxChildren = 12;

void CheckChildCount(const std::vector<AppArmorChild>& children, Diagnostics& diagnostics) {
  if (children.size() <= kMaxChildren) return;
  diagnostics.Error("too-many-target-groups", children[kMaxChildren].targets.front().field,
                    absl::StrCat("the targets need ", children.size(),
                                 " child profiles; a profile can have ", kMaxChildren),
                    "give targets the same rules, so that they share a profile");
}

// The children include the base abstraction, which needs the variables of tunables/global.
void CheckTunables(const AppArmorProfileText& text, size_t children, const std::string& field,
                   Diagnostics& diagnostics) {
  const absl::string_view preamble =
      absl::string_view(text.text()).substr(0, text.profile().name_begin);
  if (children == 0 || absl::StrContains(preamble, "tunables/")) return;
  diagnostics.Error("missing-tunables", field,
                    "raw rules for targets need variables that the profile does not define",
                    "put \"include <tunables/global>\" in front of the profile");
}

// Nothing when the text has errors.
std::optional<AppArmorProfileText> ReadBaseText(const AppArmorRules& rules, size_t children,
                                                const std::string& profile_name,
                                                Diagnostics& diagnostics) {
  const std::string& field = rules.base_origin.field;
  std::optional<AppArmorProfileText> text =
      ParseAppArmorProfileText(rules.base_text, field, AppArmorParseOptions(), diagnostics);
  if (text.has_value()) {
    CheckName(*text, profile_name, field, diagnostics);
    CheckChildNames(text->profile(), children, field, diagnostics);
    CheckTunables(*text, children, field, diagnostics);
  }
  return text;
}

// The blanks in front of a closing brace that has its line to itself stay with the brace.
AppArmorSurroundings CutAtEndOfBody(const AppArmorProfileText& text,
                                    const std::string& profile_name) {
  const std::string& original = text.text();
  size_t end = text.profile().body_end;
  const size_t last = original.find_last_not_of(" \t", end - 1);
  if (last != std::string::npos && original[last] == '\n') end = last + 1;
  AppArmorSurroundings cut;
  cut.after = original.substr(end);
  const std::string renamed =
      text.profile().name == profile_name ? original : text.WithName(profile_name);
  // Renaming changes nothing behind the end of the body.
  cut.before = renamed.substr(0, renamed.size() - cut.after.size());
  return cut;
}

// ---- checks

// The parent's rules stand in its children too; what is wrong with them is said once.
void AddUnlessPresent(const Diagnostic& diagnostic, Diagnostics& diagnostics) {
  const std::vector<Diagnostic>& list = diagnostics.list();
  const bool present = std::any_of(list.begin(), list.end(), [&](const Diagnostic& other) {
    return other.code == diagnostic.code && other.field == diagnostic.field &&
           other.problem == diagnostic.problem;
  });
  if (!present) diagnostics.Add(diagnostic);
}

std::string FieldOf(const AppArmorLine& line, const FieldOfLine& fields) {
  if (!line.origins.empty()) return line.origins.front().field;
  if (fields.empty()) return "";
  const auto found = fields.find(AppArmorLineText(line));
  return found == fields.end() ? "" : found->second;
}

// Only what somebody asked to be allowed can be at fault, and what stands in somebody else's text:
// rules of the base are nobody's mistake, and a body holds no line twice.
bool MayBeWrong(const AppArmorProfile& profile, const FieldOfLine& fields) {
  if (profile.surroundings.has_value()) return true;
  for (const AppArmorSection& section : profile.sections) {
    for (const AppArmorLine& line : section.lines) {
      if (line.disk.has_value() || line.statement.deny) continue;
      if (!FieldOf(line, fields).empty()) return true;
    }
  }
  return false;
}

// `statements` are those of the text around the profile's own.
void CheckProfile(const AppArmorProfile& profile, std::vector<AppArmorPlacedStatement> statements,
                  const FieldOfLine& fields, Diagnostics& diagnostics) {
  if (!MayBeWrong(profile, fields)) return;
  for (const AppArmorSection& section : profile.sections) {
    for (const AppArmorLine& line : section.lines) {
      if (!line.disk.has_value()) statements.push_back({line.statement, FieldOf(line, fields)});
    }
  }
  Diagnostics found(diagnostics.lenient());
  CheckAppArmorStatements(statements, found);
  for (const Diagnostic& diagnostic : found.list()) AddUnlessPresent(diagnostic, diagnostics);
}

std::vector<AppArmorPlacedStatement> StatementsOf(const std::optional<AppArmorProfileText>& text,
                                                  const std::string& field) {
  std::vector<AppArmorPlacedStatement> statements;
  if (!text.has_value()) return statements;
  for (const AppArmorStatement& statement : text->profile().statements) {
    statements.push_back({statement, field});
  }
  return statements;
}

}  // namespace

absl::StatusOr<AppArmorProfile> LowerAppArmor(const AppArmorRules& rules,
                                              absl::string_view profile_name,
                                              Diagnostics& diagnostics) {
  VARMOR_RETURN_IF_ERROR(CheckInput(rules, profile_name));
  const std::vector<AppArmorChild> children = JoinTargets(rules.target_rules);
  CheckChildCount(children, diagnostics);

  AppArmorProfile profile;
  profile.name = std::string(profile_name);
  profile.flags = Flags();
  if (rules.base != Base::kEmpty) profile.includes = {std::string(kBaseInclude)};
  profile.complain = rules.complain;

  std::optional<AppArmorProfileText> text;
  if (rules.base == Base::kText) {
    text = ReadBaseText(rules, children.size(), profile.name, diagnostics);
    if (!text.has_value()) return profile;
    profile.surroundings = CutAtEndOfBody(*text, profile.name);
  }

  AppArmorBody body;
  AddBase(rules, profile.name, "", body);
  AddRules(rules.rules, body);
  const FieldOfLine fields = AddTransitions(rules, profile.name, children, body);
  profile.sections = std::move(body).Take();
  for (size_t i = 0; i < children.size(); ++i) {
    profile.children.push_back(LowerChild(rules, profile.name, children[i], i));
  }

  CheckProfile(profile, StatementsOf(text, rules.base_origin.field), fields, diagnostics);
  for (const AppArmorProfile& child : profile.children) {
    CheckProfile(child, {}, {}, diagnostics);
  }
  return profile;
}

}  // namespace varmor
