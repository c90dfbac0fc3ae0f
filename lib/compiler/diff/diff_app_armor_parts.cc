#include "lib/compiler/diff/diff_app_armor_parts.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {

std::vector<DiffRule> RulesOfKind(const ProfilePair& pair,
                                  const std::set<AppArmorStatement::Kind>& kinds) {
  std::vector<DiffRule> rules;
  for (const DiffRule& rule : pair.rules) {
    if (kinds.count(rule.rule->statement.kind) > 0) rules.push_back(rule);
  }
  return rules;
}

bool SameRules(const ProfilePair& pair, const std::vector<DiffRule>& rules) {
  if (pair.everything) return false;
  SideSignatures signatures;
  for (const DiffRule& rule : rules) signatures[rule.side].insert(rule.signature);
  return signatures[0] == signatures[1];
}

int PatternTable::Add(const AppArmorPattern& pattern, const DiffRule& rule) {
  if (!pattern.undecidable.empty()) return kMaybe;
  if (pattern.disk && !disk_) return kNever;
  const bool always = pattern.any || pattern.disk;
  const std::string text = always ? "" : pattern.text;
  size_t number = 0;
  while (number < entries_.size() &&
         (entries_[number].text != text || (entries_[number].automaton == nullptr) != always)) {
    ++number;
  }
  if (number == entries_.size())
    entries_.push_back({text, always ? nullptr : pattern.automaton, {}});
  entries_[number].users[rule.side].insert(rule.signature);
  return static_cast<int>(number);
}

std::vector<ClassifiedPattern> PatternTable::Patterns() const {
  std::vector<ClassifiedPattern> patterns;
  for (const Entry& entry : entries_) {
    patterns.push_back({entry.automaton.get(), entry.users[0] != entry.users[1]});
  }
  return patterns;
}

std::string PatternTable::Texts(const std::vector<int>& numbers) const {
  constexpr size_t kShown = 4;
  std::vector<std::string> texts;
  for (const int number : numbers) {
    if (texts.size() < kShown) texts.push_back(Quoted(entries_[number].text));
  }
  const std::string more =
      numbers.size() > kShown ? absl::StrCat(" and ", numbers.size() - kShown, " more") : "";
  return absl::StrCat(absl::StrJoin(texts, ", "), more);
}

bool Matches(const TextClass& texts, int number) {
  return number == PatternTable::kMaybe ||
         std::binary_search(texts.matched.begin(), texts.matched.end(), number);
}

std::optional<std::vector<TextClass>> Classes(const PatternTable& table, TextDomain domain,
                                              bool all, absl::string_view subject,
                                              DiffBudget& budget, AppArmorChanges& changes) {
  const std::vector<ClassifiedPattern> patterns = table.Patterns();
  std::vector<int> culprits;
  auto classes = all ? ClassifyAllTexts(patterns, domain, budget, culprits)
                     : ClassifyTexts(patterns, domain, budget, culprits);
  if (!classes.has_value()) {
    changes.Undecided(absl::StrCat(subject, ": too much work to compare; the patterns ",
                                   table.Texts(culprits), " are part of it"));
  }
  return classes;
}

}  // namespace varmor
