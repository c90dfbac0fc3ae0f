// Links: pairs of a new name and the file's name. Every pair of classes of names would be too many;
// names that both sides judge alike as one half of a pair stand for each other.
#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/diff/diff_app_armor_parts.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;

// More pairs than any policy has; each costs up to four decisions.
constexpr size_t kMostPairs = 4000;

struct PlacedRule {
  DiffRule rule;
  int path = 0;
  int target = PatternTable::kNever;
};

// What matters about a name on one side.
struct Half {
  // Rules with l that match it as new name, and as old one.
  std::set<std::string> as_new;
  std::set<std::string> as_old;
  // Other permissions, for the subset test.
  std::string permissions;
};

struct Name {
  std::string example;
  std::array<Half, 2> sides;
};

class LinkComparison {
 public:
  LinkComparison(const ProfilePair& pair, AppArmorChanges& changes)
      : everything_(pair.everything), changes_(changes) {
    for (const DiffRule& rule : RulesOfKind(pair, {Kind::kFile})) {
      PlacedRule placed{rule, table_.Add(rule.rule->file.path, rule)};
      if (IsLink(placed)) placed.target = table_.Add(rule.rule->file.link_target, rule);
      rules_.push_back(std::move(placed));
    }
  }

  absl::Status Compare(DiffBudget& budget) {
    const auto classes = Classes(table_, TextDomain::kFilePath, true, "links", budget, changes_);
    if (!classes.has_value()) return absl::OkStatus();
    std::map<std::string, Name> news;
    std::map<std::string, Name> olds;
    for (const TextClass& names : *classes) {
      const Name name = Describe(names);
      if (news.emplace(Key(name, true), name).second) new_order_.push_back(Key(name, true));
      if (olds.emplace(Key(name, false), name).second) old_order_.push_back(Key(name, false));
    }
    size_t pairs = 0;
    for (const std::string& to : new_order_) {
      for (const std::string& from : old_order_) {
        if (Same(news.at(to), olds.at(from))) continue;
        if (++pairs > kMostPairs) {
          changes_.Undecided("links: too many kinds of pairs to compare");
          return absl::OkStatus();
        }
        VARMOR_RETURN_IF_ERROR(Ask(news.at(to), olds.at(from)));
      }
    }
    return absl::OkStatus();
  }

 private:
  static bool IsLink(const PlacedRule& placed) {
    return (placed.rule.rule->file.permissions & kAppArmorLink) != 0;
  }

  Name Describe(const TextClass& names) const {
    Name name;
    name.example = names.example;
    for (int side = 0; side < 2; ++side) {
      Half& half = name.sides[side];
      for (const bool own : {false, true}) Permissions(names, side, own, half.permissions);
      for (const PlacedRule& placed : rules_) {
        if (placed.rule.side != side || !IsLink(placed)) continue;
        if (Matches(names, placed.path)) half.as_new.insert(placed.rule.signature);
        if (Matches(names, placed.target)) half.as_old.insert(placed.rule.signature);
      }
    }
    return name;
  }

  // What rules give together, denials taken off, and the exec rules that have a say.
  void Permissions(const TextClass& names, int side, bool own, std::string& text) const {
    uint32_t allowed = 0;
    uint32_t denied = 0;
    std::set<std::string> exec;
    for (const PlacedRule& placed : rules_) {
      const AppArmorRuleModel& rule = *placed.rule.rule;
      if (placed.rule.side != side || !Matches(names, placed.path)) continue;
      if (rule.statement.owner && !own) continue;
      (rule.statement.deny ? denied : allowed) |= rule.file.permissions;
      if (!rule.statement.deny && (rule.file.permissions & kAppArmorExec) != 0) {
        exec.insert(absl::StrCat(static_cast<int>(rule.file.exec.transition), ",",
                                 static_cast<int>(rule.file.exec.fallback), ",",
                                 rule.file.exec.clean_environment, ",", rule.file.exec.target, ",",
                                 rule.file.path.exact));
      }
    }
    const uint32_t effective = allowed & ~denied & ~uint32_t{kAppArmorLink};
    if ((effective & kAppArmorExec) == 0) exec.clear();
    absl::StrAppend(&text, effective, ":", absl::StrJoin(exec, ";"), "\n");
  }

  static std::string Key(const Name& name, bool as_new) {
    std::string key;
    for (const Half& half : name.sides) {
      absl::StrAppend(&key, absl::StrJoin(as_new ? half.as_new : half.as_old, "\n"), "\n\n",
                      half.permissions, "\n\n");
    }
    return key;
  }

  bool Same(const Name& to, const Name& from) const {
    if (everything_) return false;
    SideSignatures pairs;
    for (int side = 0; side < 2; ++side) {
      for (const std::string& signature : to.sides[side].as_new) {
        if (from.sides[side].as_old.count(signature) > 0) pairs[side].insert(signature);
      }
    }
    // Without a rule for the pair, the permissions do not matter.
    if (pairs[0] != pairs[1]) return false;
    if (pairs[0].empty()) return true;
    return to.sides[0].permissions == to.sides[1].permissions &&
           from.sides[0].permissions == from.sides[1].permissions;
  }

  absl::Status Ask(const Name& to, const Name& from) {
    for (const auto ownership : {FileEvent::FOREIGN, FileEvent::OWN}) {
      Event event;
      FileEvent& file = *event.mutable_file();
      file.set_access(FileEvent::LINK);
      file.set_path(to.example);
      file.set_old_path(from.example);
      file.set_ownership(ownership);
      VARMOR_RETURN_IF_ERROR(
          changes_.Ask("link", absl::StrCat(to.example, " to ", from.example), event));
    }
    return absl::OkStatus();
  }

  bool everything_;
  PatternTable table_;
  AppArmorChanges& changes_;
  std::vector<PlacedRule> rules_;
  // Keys, shortest names first.
  std::vector<std::string> new_order_;
  std::vector<std::string> old_order_;
};

}  // namespace

absl::Status DiffLinks(const ProfilePair& pair, DiffBudget& budget, AppArmorChanges& changes) {
  if (SameRules(pair, RulesOfKind(pair, {Kind::kFile}))) return absl::OkStatus();
  return LinkComparison(pair, changes).Compare(budget);
}

}  // namespace varmor
