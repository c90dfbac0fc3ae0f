// File rules: permissions on paths, and exec.
#include <array>
#include <map>
#include <string>
#include <vector>

#include "lib/compiler/diff/diff_app_armor_parts.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;

struct PlacedRule {
  DiffRule rule;
  int path = 0;
};

// What a process may ask for; the other accesses of FileEvent ask for the same permissions.
struct Access {
  const char* name;
  uint32_t bit;
  FileEvent::Access access;
};

constexpr Access kAccesses[] = {
    {"read", kAppArmorRead, FileEvent::READ},
    {"write", kAppArmorWrite, FileEvent::WRITE},
    {"append", kAppArmorAppend, FileEvent::APPEND},
    {"lock", kAppArmorLock, FileEvent::LOCK},
    {"map executable", kAppArmorMap, FileEvent::MAP_EXECUTABLE},
    {"exec", kAppArmorExec, FileEvent::ACCESS_UNSPECIFIED},
};

class FileComparison {
 public:
  FileComparison(const ProfilePair& pair, bool disk, AppArmorChanges& changes)
      : everything_(pair.everything), disk_(disk), table_(disk), changes_(changes) {
    for (const DiffRule& rule : RulesOfKind(pair, {Kind::kFile})) {
      // Pairs of names are DiffLinks's.
      if ((rule.rule->file.permissions & ~uint32_t{kAppArmorLink}) == 0) continue;
      rules_.push_back({rule, table_.Add(rule.rule->file.path, rule)});
    }
  }

  absl::Status Compare(DiffBudget& budget) {
    const auto classes =
        Classes(table_, disk_ ? TextDomain::kDevicePath : TextDomain::kPath, everything_,
                disk_ ? "file rules about disks" : "file rules", budget, changes_);
    if (!classes.has_value()) return absl::OkStatus();
    patterns_ = table_.Patterns();
    for (const TextClass& paths : *classes) {
      for (const Access& access : kAccesses) VARMOR_RETURN_IF_ERROR(Ask(paths, access));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Ask(const TextClass& paths, const Access& access) {
    SideSignatures matched;
    bool owner = false;
    for (const PlacedRule& placed : rules_) {
      const AppArmorRuleModel& rule = *placed.rule.rule;
      if ((rule.file.permissions & access.bit) == 0 || !Matches(paths, placed.path)) continue;
      matched[placed.rule.side].insert(placed.rule.signature);
      owner |= rule.statement.owner;
    }
    if (!everything_ && matched[0] == matched[1]) return absl::OkStatus();
    const std::string what = What(paths, access);
    if (!owner) {
      return changes_.Ask(access.name, what,
                          MakeEvent(paths.example, access, FileEvent::OWNERSHIP_UNKNOWN));
    }
    for (const auto ownership : {FileEvent::FOREIGN, FileEvent::OWN}) {
      VARMOR_RETURN_IF_ERROR(
          changes_.Ask(access.name, what, MakeEvent(paths.example, access, ownership)));
    }
    return absl::OkStatus();
  }

  // The longest pattern that has to do with the difference; the path when there is none.
  std::string What(const TextClass& paths, const Access& access) const {
    if (disk_) return "disks";
    std::string what;
    for (const PlacedRule& placed : rules_) {
      if (placed.path < 0 || !Matches(paths, placed.path)) continue;
      if ((placed.rule.rule->file.permissions & access.bit) == 0) continue;
      if (!everything_ && !patterns_[placed.path].changed) continue;
      const std::string& text = table_.text(placed.path);
      if (text.size() > what.size()) what = text;
    }
    return what.empty() ? paths.example : what;
  }

  Event MakeEvent(const std::string& path, const Access& access,
                  FileEvent::Ownership ownership) const {
    Event event;
    if (access.bit == kAppArmorExec) {
      event.mutable_exec()->set_path(path);
      event.mutable_exec()->set_ownership(ownership);
      return event;
    }
    FileEvent& file = *event.mutable_file();
    file.set_path(path);
    file.set_access(access.access);
    file.set_ownership(ownership);
    file.set_disk_device(disk_);
    return event;
  }

  bool everything_;
  bool disk_;
  PatternTable table_;
  AppArmorChanges& changes_;
  std::vector<PlacedRule> rules_;
  std::vector<ClassifiedPattern> patterns_;
};

}  // namespace

absl::Status DiffFiles(const ProfilePair& pair, DiffBudget& budget, AppArmorChanges& changes) {
  const std::vector<DiffRule> rules = RulesOfKind(pair, {Kind::kFile});
  if (SameRules(pair, rules)) return absl::OkStatus();
  VARMOR_RETURN_IF_ERROR(FileComparison(pair, false, changes).Compare(budget));
  for (const DiffRule& rule : rules) {
    if (!rule.rule->file.path.disk) continue;
    return FileComparison(pair, true, changes).Compare(budget);
  }
  return absl::OkStatus();
}

}  // namespace varmor
