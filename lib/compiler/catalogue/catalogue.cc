#include "lib/compiler/catalogue/catalogue.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/compiler/apparmor/parse_statements.h"
#include "lib/compiler/apparmor/statement.h"
#include "lib/compiler/catalogue/embedded_rules.h"
#include "lib/compiler/catalogue/parse_rules.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

absl::StatusOr<std::vector<AppArmorStatement>> ParseAppArmor(const BuiltinRule& rule) {
  std::vector<AppArmorStatement> statements;
  Diagnostics diagnostics;
  for (const std::string& body : rule.app_armor().rules()) {
    // As a denial, because there an exec permission has no qualifier.
    for (AppArmorStatement& statement : ParseAppArmorStatements(
             absl::StrCat("deny ", body, ","), rule.id(), AppArmorParseOptions(), diagnostics)) {
      statement.deny = false;
      statement.place = {};
      statements.push_back(std::move(statement));
    }
  }
  if (!diagnostics.list().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("AppArmor rules of \"", rule.id(), "\": ", diagnostics.list()[0].problem));
  }
  return statements;
}

}  // namespace

absl::StatusOr<Catalogue> Catalogue::FromRules(BuiltinRules rules, BuiltinRule runtime_default) {
  Catalogue catalogue;
  std::vector<std::vector<AppArmorStatement>> app_armor;
  for (BuiltinRule& rule : *rules.mutable_rules()) {
    std::vector<std::string> names = {rule.id()};
    names.insert(names.end(), rule.aliases().begin(), rule.aliases().end());
    for (const std::string& name : names) {
      if (name.empty() || name != NormaliseRuleName(name)) {
        return absl::InvalidArgumentError(
            absl::StrCat("rule name \"", name, "\" is not normalised"));
      }
      if (!catalogue.index_.emplace(name, catalogue.rules_.size()).second) {
        return absl::InvalidArgumentError(absl::StrCat("rule name \"", name, "\" is used twice"));
      }
    }
    VARMOR_ASSIGN_OR_RETURN(std::vector<AppArmorStatement> statements, ParseAppArmor(rule));
    app_armor.push_back(std::move(statements));
    catalogue.rules_.push_back(std::move(rule));
  }
  catalogue.app_armor_ =
      std::make_shared<const std::vector<std::vector<AppArmorStatement>>>(std::move(app_armor));
  catalogue.runtime_default_ = std::move(runtime_default);
  return catalogue;
}

const BuiltinRule* Catalogue::Find(absl::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &rules_[found->second];
}

const std::vector<AppArmorStatement>& Catalogue::AppArmorStatements(const BuiltinRule& rule) const {
  return (*app_armor_)[&rule - rules_.data()];
}

std::vector<std::string> Catalogue::Names(BuiltinRule::Category category) const {
  std::vector<std::string> names;
  for (const BuiltinRule& rule : rules_) {
    if (rule.category() != category) continue;
    names.push_back(rule.id());
    names.insert(names.end(), rule.aliases().begin(), rule.aliases().end());
  }
  std::sort(names.begin(), names.end());
  return names;
}

namespace {

Catalogue MakeBuiltinCatalogue() {
  BuiltinRules rules;
  BuiltinRule runtime_default;
  absl::Status status = ParseRuleFiles(EmbeddedRuleFiles(), rules, runtime_default);
  if (status.ok()) {
    absl::StatusOr<Catalogue> catalogue =
        Catalogue::FromRules(std::move(rules), std::move(runtime_default));
    if (catalogue.ok()) return *std::move(catalogue);
    status = catalogue.status();
  }
  // The data is part of the library and the same in every run: catalogue_test proves this dead.
  std::fprintf(stderr, "built-in rules: %s\n", status.ToString().c_str());
  std::abort();
}

}  // namespace

const Catalogue& BuiltinCatalogue() {
  // Never destroyed, so that it outlives every thread.
  static const Catalogue& catalogue = *new Catalogue(MakeBuiltinCatalogue());
  return catalogue;
}

std::string NormaliseRuleName(absl::string_view name) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", "-"}});
}

}  // namespace varmor
