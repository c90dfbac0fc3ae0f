// The parts of comparing two AppArmor profiles, one per kind of rule, and what they share. A detail
// of diff_app_armor.
#ifndef LIB_COMPILER_DIFF_DIFF_APP_ARMOR_PARTS_H_
#define LIB_COMPILER_DIFF_DIFF_APP_ARMOR_PARTS_H_

#include <array>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/compiler/diff/diff_app_armor_changes.h"
#include "lib/compiler/diff/diff_app_armor_classes.h"
#include "lib/compiler/simulate/app_armor_model.h"

namespace varmor {

// A rule of one side.
struct DiffRule {
  const AppArmorRuleModel* rule = nullptr;
  // Equal for rules that mean the same, whatever asked for them.
  std::string signature;
  int side = 0;  // 0 before, 1 after
};

struct ProfilePair {
  // Rules of both sides; those of a missing profile: none.
  std::vector<DiffRule> rules;
  // Equal rules do not mean the same, since the profiles around them differ: one complains, one is
  // missing.
  bool everything = false;
};

// Signatures of each side.
using SideSignatures = std::array<std::set<std::string>, 2>;

// Those rules of `pair` that are of the kind.
std::vector<DiffRule> RulesOfKind(const ProfilePair& pair,
                                  const std::set<AppArmorStatement::Kind>& kinds);
// Whether both sides have the same rules, so that there is nothing to compare.
bool SameRules(const ProfilePair& pair, const std::vector<DiffRule>& rules);

// The distinct patterns of one field of the rules.
class PatternTable {
 public:
  static constexpr int kNever = -1;
  // Nobody knows whether it matches.
  static constexpr int kMaybe = -2;

  // Whether the texts are disks of the node.
  explicit PatternTable(bool disk = false) : disk_(disk) {}

  // Returns the pattern's number, or one of the above. Its users are told by their signatures.
  int Add(const AppArmorPattern& pattern, const DiffRule& rule);
  // A pattern with other users before and after has changed.
  std::vector<ClassifiedPattern> Patterns() const;
  std::string Texts(const std::vector<int>& numbers) const;
  const std::string& text(int number) const { return entries_[number].text; }

 private:
  struct Entry {
    std::string text;
    std::shared_ptr<const AareNfa> automaton;
    SideSignatures users;
  };
  bool disk_;
  std::vector<Entry> entries_;
};

// Whether the pattern of this number matches the texts of the class.
bool Matches(const TextClass& texts, int number);

// The classes that can make a difference; all of them when `all`. When that is too much work, notes
// it as undecided, about `subject` ("file rules"), and returns nothing.
std::optional<std::vector<TextClass>> Classes(const PatternTable& table, TextDomain domain,
                                              bool all, absl::string_view subject,
                                              DiffBudget& budget, AppArmorChanges& changes);

// Each appends what it finds to `changes`.
absl::Status DiffFiles(const ProfilePair& pair, DiffBudget& budget, AppArmorChanges& changes);
absl::Status DiffLinks(const ProfilePair& pair, DiffBudget& budget, AppArmorChanges& changes);
absl::Status DiffMounts(const ProfilePair& pair, DiffBudget& budget, AppArmorChanges& changes);
absl::Status DiffPtrace(const ProfilePair& pair, DiffBudget& budget, AppArmorChanges& changes);
absl::Status DiffSignals(const ProfilePair& pair, DiffBudget& budget, AppArmorChanges& changes);
absl::Status DiffCapabilities(const ProfilePair& pair, AppArmorChanges& changes);
absl::Status DiffNetwork(const ProfilePair& pair, AppArmorChanges& changes);
// Kinds without events, and patterns that nobody can match: undecided unless the rules are the
// same.
void DiffTexts(const ProfilePair& pair, AppArmorChanges& changes);

}  // namespace varmor

#endif  // LIB_COMPILER_DIFF_DIFF_APP_ARMOR_PARTS_H_
