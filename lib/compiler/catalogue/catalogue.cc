#include "lib/compiler/catalogue/catalogue.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/compiler/catalogue/embedded_rules.h"
#include "lib/compiler/catalogue/parse_rules.h"

namespace varmor {

absl::StatusOr<Catalogue> Catalogue::FromRules(BuiltinRules rules, BuiltinRule runtime_default) {
  Catalogue catalogue;
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
    catalogue.rules_.push_back(std::move(rule));
  }
  catalogue.runtime_default_ = std::move(runtime_default);
  return catalogue;
}

const BuiltinRule* Catalogue::Find(absl::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &rules_[found->second];
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
