// Mounting: target, source, kind of filesystem and flags are compared over all combinations of
// classes; then unmounting and pivot_root.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/compiler/diff/diff_app_armor_parts.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;

// More combinations than any policy has.
constexpr size_t kMostCombinations = 2000000;
constexpr size_t kMostQuestions = 20000;

struct FlagWord {
  const char* word;
  uint32_t bit;
};

// MS_* of include/uapi/linux/mount.h, as far as events have words for them.
constexpr FlagWord kPlainFlags[] = {
    {"ro", 1u << 0},           {"nosuid", 1u << 1},  {"nodev", 1u << 2},     {"noexec", 1u << 3},
    {"sync", 1u << 4},         {"mand", 1u << 6},    {"dirsync", 1u << 7},   {"noatime", 1u << 10},
    {"nodiratime", 1u << 11},  {"silent", 1u << 15}, {"relatime", 1u << 21}, {"iversion", 1u << 23},
    {"strictatime", 1u << 24},
};
constexpr uint32_t kRemount = 1u << 5;
constexpr uint32_t kBind = 1u << 12;
constexpr uint32_t kMove = 1u << 13;
constexpr uint32_t kRec = 1u << 14;

// What mount(2) is asked to do, and which parts of the question the kernel then looks at.
struct Operation {
  const char* name;
  std::vector<std::string> words;
  uint32_t bits;
  bool plain_flags;
  bool source;
  bool fstype;
};

const std::vector<Operation>& Operations() {
  static const auto& operations = *new std::vector<Operation>{
      {"mount", {}, 0, true, true, true},
      {"remount", {"remount"}, kRemount, true, false, false},
      {"remount", {"remount", "bind"}, kRemount | kBind, true, false, false},
      {"bind", {"bind"}, kBind, false, true, false},
      {"rbind", {"rbind"}, kBind | kRec, false, true, false},
      {"move", {"move"}, kMove, false, true, false},
      {"make-unbindable", {"make-unbindable"}, 1u << 17, false, false, false},
      {"make-runbindable", {"make-runbindable"}, 1u << 17 | kRec, false, false, false},
      {"make-private", {"make-private"}, 1u << 18, false, false, false},
      {"make-rprivate", {"make-rprivate"}, 1u << 18 | kRec, false, false, false},
      {"make-slave", {"make-slave"}, 1u << 19, false, false, false},
      {"make-rslave", {"make-rslave"}, 1u << 19 | kRec, false, false, false},
      {"make-shared", {"make-shared"}, 1u << 20, false, false, false},
      {"make-rshared", {"make-rshared"}, 1u << 20 | kRec, false, false, false},
  };
  return operations;
}

struct PlacedForm {
  DiffRule rule;
  const AppArmorMountForm* form = nullptr;
  int target = 0;
  int source = 0;
  std::vector<int> fstypes;
};

struct Flags {
  std::vector<std::string> words;
  uint32_t bits = 0;
};

class MountComparison {
 public:
  MountComparison(const ProfilePair& pair, bool disk, AppArmorChanges& changes)
      : everything_(pair.everything), disk_(disk), sources_(disk), changes_(changes) {
    for (const DiffRule& rule : RulesOfKind(pair, {Kind::kMount, Kind::kRemount})) {
      for (const AppArmorMountForm& form : rule.rule->mount.forms) {
        PlacedForm placed{
            rule, &form, targets_.Add(form.target, rule), sources_.Add(form.source, rule), {}};
        for (const AppArmorPattern& type : form.fstypes) {
          placed.fstypes.push_back(types_.Add(type, rule));
        }
        forms_.push_back(std::move(placed));
      }
    }
  }

  absl::Status Compare(DiffBudget& budget) {
    const auto targets = Get(targets_, TextDomain::kPath, budget);
    const auto devices = Get(sources_, disk_ ? TextDomain::kDevicePath : TextDomain::kText, budget);
    const auto paths = Get(sources_, disk_ ? TextDomain::kDevicePath : TextDomain::kPath, budget);
    const auto types = Get(types_, TextDomain::kText, budget);
    if (!targets || !devices || !paths || !types) return absl::OkStatus();
    const std::vector<TextClass> nothing(1);
    const std::vector<Flags> combinations = FlagCombinations();
    for (const Operation& operation : Operations()) {
      if (disk_ && !operation.source) continue;
      for (const TextClass& target : *targets) {
        const auto& sources = !operation.source ? nothing : operation.fstype ? *devices : *paths;
        for (const TextClass& source : sources) {
          for (const TextClass& type : operation.fstype ? *types : nothing) {
            for (const Flags& flags : combinations) {
              if (!operation.plain_flags && flags.bits != 0) continue;
              if (++combined_ > kMostCombinations || questions_ > kMostQuestions) {
                changes_.Undecided("mount rules: too many combinations to compare");
                return absl::OkStatus();
              }
              VARMOR_RETURN_IF_ERROR(Ask(operation, target, source, type, flags));
            }
          }
        }
      }
    }
    return absl::OkStatus();
  }

 private:
  std::optional<std::vector<TextClass>> Get(const PatternTable& table, TextDomain domain,
                                            DiffBudget& budget) {
    return Classes(table, domain, true, "mount rules", budget, changes_);
  }

  // Flags that all forms treat alike stand for each other: none of them, one, all of them.
  std::vector<Flags> FlagCombinations() const {
    std::map<std::string, std::vector<FlagWord>> groups;
    for (const FlagWord& flag : kPlainFlags) {
      std::string treatment;
      for (const PlacedForm& placed : forms_) {
        const AppArmorMountForm& form = *placed.form;
        treatment += (form.required & flag.bit) != 0   ? 'r'
                     : (form.optional & flag.bit) != 0 ? 'o'
                                                       : '-';
      }
      groups[treatment].push_back(flag);
    }
    std::vector<Flags> combinations(1);
    for (const auto& [treatment, group] : groups) {
      std::vector<Flags> more = combinations;
      for (const Flags& base : combinations) {
        for (const size_t count : {size_t{1}, group.size()}) {
          Flags flags = base;
          for (size_t i = 0; i < count; ++i) {
            flags.words.push_back(group[i].word);
            flags.bits |= group[i].bit;
          }
          more.push_back(std::move(flags));
          if (group.size() == 1) break;
        }
      }
      combinations = std::move(more);
    }
    return combinations;
  }

  // At least the forms that match; parts that the kernel leaves empty count as matched.
  bool MayMatch(const PlacedForm& placed, const Operation& operation, const TextClass& target,
                const TextClass& source, const TextClass& type, uint32_t bits) const {
    const AppArmorMountForm& form = *placed.form;
    if (!form.any_flags && ((bits & form.required) != form.required ||
                            (bits & ~(form.required | form.optional)) != 0)) {
      return false;
    }
    if (!Matches(target, placed.target)) return false;
    if (operation.source && !Matches(source, placed.source)) return false;
    if (!operation.fstype || placed.fstypes.empty()) return true;
    for (const int number : placed.fstypes) {
      if (Matches(type, number)) return true;
    }
    return false;
  }

  absl::Status Ask(const Operation& operation, const TextClass& target, const TextClass& source,
                   const TextClass& type, const Flags& flags) {
    SideSignatures matched;
    std::string what;
    for (const PlacedForm& placed : forms_) {
      if (MayMatch(placed, operation, target, source, type, operation.bits | flags.bits)) {
        matched[placed.rule.side].insert(placed.rule.signature);
      }
    }
    if (!everything_ && matched[0] == matched[1]) return absl::OkStatus();
    ++questions_;
    for (const PlacedForm& placed : forms_) {
      const std::string& signature = placed.rule.signature;
      const bool one_side = matched[0].count(signature) != matched[1].count(signature);
      if (one_side && what.empty()) what = absl::StrCat("(", placed.rule.rule->statement.body, ")");
    }
    Event event;
    MountEvent& mount = *event.mutable_mount();
    mount.set_target(target.example);
    mount.set_source(source.example);
    mount.set_fstype(type.example);
    mount.set_disk_device(disk_);
    for (const std::string& word : operation.words) mount.add_flags(word);
    for (const std::string& word : flags.words) mount.add_flags(word);
    return changes_.Ask(operation.name, what, event);
  }

  bool everything_;
  bool disk_;
  PatternTable targets_;
  PatternTable sources_;
  PatternTable types_;
  AppArmorChanges& changes_;
  std::vector<PlacedForm> forms_;
  size_t combined_ = 0;
  size_t questions_ = 0;
};

absl::Status DiffUmount(const ProfilePair& pair, DiffBudget& budget, AppArmorChanges& changes) {
  const std::vector<DiffRule> rules = RulesOfKind(pair, {Kind::kUmount});
  if (SameRules(pair, rules)) return absl::OkStatus();
  PatternTable table;
  for (const DiffRule& rule : rules) table.Add(rule.rule->umount.target, rule);
  const auto classes =
      Classes(table, TextDomain::kPath, pair.everything, "umount rules", budget, changes);
  if (!classes.has_value()) return absl::OkStatus();
  for (const TextClass& targets : *classes) {
    Event event;
    event.mutable_mount()->set_source(targets.example);  // as in "umount PATH"
    event.mutable_mount()->set_target(targets.example);
    event.mutable_mount()->set_fstype("none");
    event.mutable_mount()->add_flags("umount");
    VARMOR_RETURN_IF_ERROR(changes.Ask("umount", targets.example, event));
  }
  return absl::OkStatus();
}

absl::Status DiffPivotRoot(const ProfilePair& pair, DiffBudget& budget, AppArmorChanges& changes) {
  const std::vector<DiffRule> rules = RulesOfKind(pair, {Kind::kPivotRoot});
  if (SameRules(pair, rules)) return absl::OkStatus();
  PatternTable new_roots;
  PatternTable old_roots;
  for (const DiffRule& rule : rules) {
    new_roots.Add(rule.rule->pivot_root.new_root, rule);
    old_roots.Add(rule.rule->pivot_root.old_root, rule);
  }
  const auto news =
      Classes(new_roots, TextDomain::kPath, true, "pivot_root rules", budget, changes);
  const auto olds =
      Classes(old_roots, TextDomain::kPath, true, "pivot_root rules", budget, changes);
  if (!news.has_value() || !olds.has_value()) return absl::OkStatus();
  if (news->size() * olds->size() > kMostQuestions) {
    changes.Undecided("pivot_root rules: too many combinations to compare");
    return absl::OkStatus();
  }
  for (const TextClass& new_root : *news) {
    for (const TextClass& old_root : *olds) {
      Event event;
      event.mutable_mount()->set_target(new_root.example);
      event.mutable_mount()->set_source(old_root.example);
      event.mutable_mount()->add_flags("pivot-root");
      VARMOR_RETURN_IF_ERROR(changes.Ask("pivot_root", new_root.example, event));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status DiffMounts(const ProfilePair& pair, DiffBudget& budget, AppArmorChanges& changes) {
  VARMOR_RETURN_IF_ERROR(DiffUmount(pair, budget, changes));
  VARMOR_RETURN_IF_ERROR(DiffPivotRoot(pair, budget, changes));
  const std::vector<DiffRule> rules = RulesOfKind(pair, {Kind::kMount, Kind::kRemount});
  if (SameRules(pair, rules)) return absl::OkStatus();
  VARMOR_RETURN_IF_ERROR(MountComparison(pair, false, changes).Compare(budget));
  for (const DiffRule& rule : rules) {
    for (const AppArmorMountForm& form : rule.rule->mount.forms) {
      if (form.source.disk) return MountComparison(pair, true, changes).Compare(budget);
    }
  }
  return absl::OkStatus();
}

}  // namespace varmor
