#include "lib/compiler/apparmor/apparmor_fuzz.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/apparmor/check_statements.h"
#include "lib/compiler/apparmor/parse_statements.h"
#include "lib/compiler/apparmor/profile_text.h"

namespace varmor {
namespace {

AppArmorParseOptions Options() {
  AppArmorParseOptions options;
  options.allow_40 = true;
  options.allow_include = true;
  return options;
}

bool SameStatement(const AppArmorStatement& a, const AppArmorStatement& b) {
  return a.kind == b.kind && a.path == b.path && a.permissions == b.permissions &&
         a.exec == b.exec && a.target == b.target && ToString(a) == ToString(b);
}

std::string CheckRules(absl::string_view text) {
  Diagnostics diagnostics(/*lenient=*/true);
  const auto statements = ParseAppArmorStatements(text, "f", Options(), diagnostics);
  for (const AppArmorStatement& statement : statements) {
    const std::string printed = ToString(statement);
    if (absl::StrContains(printed, '\n')) return absl::StrCat("several lines: ", printed);
    Diagnostics again(/*lenient=*/true);
    const auto reread = ParseAppArmorStatements(printed, "f", Options(), again);
    if (again.HasErrors()) return absl::StrCat("refused when reread: ", printed);
    if (reread.size() != 1 || !SameStatement(statement, reread[0])) {
      return absl::StrCat("reread as another rule: ", printed);
    }
  }
  if (statements.size() > 20) return "";
  std::vector<AppArmorPlacedStatement> placed;
  for (const AppArmorStatement& statement : statements) placed.push_back({statement, "f"});
  CheckAppArmorStatements(placed, diagnostics);
  return "";
}

std::string CheckProfile(absl::string_view text) {
  Diagnostics diagnostics(/*lenient=*/true);
  const auto profile = ParseAppArmorProfileText(text, "f", Options(), diagnostics);
  if (!profile.has_value()) return "";
  const std::string changed = profile->WithNameAndAppendix("new name", "  /appended r,");
  Diagnostics again(/*lenient=*/true);
  const auto reread = ParseAppArmorProfileText(changed, "f", Options(), again);
  if (!reread.has_value()) return absl::StrCat("refused when changed: ", changed);
  const auto& before = profile->profile().statements;
  const auto& after = reread->profile().statements;
  const bool same = reread->profile().name == "new name" && after.size() == before.size() + 1 &&
                    after.back().path == "/appended" &&
                    reread->profile().children.size() == profile->profile().children.size();
  return same ? "" : absl::StrCat("another profile when changed: ", changed);
}

}  // namespace

std::string CheckAppArmorText(absl::string_view text) {
  const std::string problem = CheckRules(text);
  return problem.empty() ? CheckProfile(text) : problem;
}

}  // namespace varmor
