#include "lib/compiler/ir/app_armor_profile.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/apparmor/check_target.h"

namespace varmor {

AppArmorStatement AppArmorPlainStatement(AppArmorStatement::Kind kind, absl::string_view body) {
  AppArmorStatement statement;
  statement.kind = kind;
  statement.body = std::string(body);
  return statement;
}

AppArmorStatement AppArmorFileStatement(absl::string_view path, absl::string_view permissions,
                                        absl::string_view exec, absl::string_view target) {
  AppArmorStatement statement;
  statement.path = std::string(path);
  statement.permissions = std::string(permissions);
  statement.exec = std::string(exec);
  statement.target = std::string(target);
  statement.body = absl::StrCat(PrintAppArmorPattern(path), " ", permissions, exec);
  if (!target.empty()) absl::StrAppend(&statement.body, " -> ", target);
  return statement;
}

std::string AppArmorLineText(const AppArmorLine& line) {
  if (!line.disk.has_value()) return ToString(line.statement);
  return absl::StrCat(line.disk->before, "/dev/DISK", line.disk->after);
}

bool IsAppArmorProfileName(absl::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_';
  });
}

}  // namespace varmor
