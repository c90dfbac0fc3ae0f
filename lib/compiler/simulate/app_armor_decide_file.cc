#include "lib/compiler/simulate/app_armor_decide_file.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/simulate/app_armor_judge.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;
using Outcome = Verdict::Outcome;

constexpr char kFileError[] = "EACCES";

// What the kernel asks for. In its own words ("create", "delete", "chmod", ...) that is more, but
// the parser makes all of it from these letters.
struct AccessNeeds {
  FileEvent::Access access;
  uint32_t path;
  // RENAME: of the old name.
  uint32_t old_path = 0;
  // The kernel asks about a file that this process is going to own; so the answer is that for the
  // owner, unless the event says otherwise.
  bool makes_file = false;
  // What is made or removed is a directory, whose name ends in a slash.
  bool directory = false;
};

constexpr AccessNeeds kNeeds[] = {
    {FileEvent::READ, kAppArmorRead},
    {FileEvent::WRITE, kAppArmorWrite},
    {FileEvent::APPEND, kAppArmorAppend},
    {FileEvent::CREATE, kAppArmorWrite, 0, true},
    {FileEvent::UNLINK, kAppArmorWrite},
    {FileEvent::LINK, kAppArmorLink},
    {FileEvent::RENAME, kAppArmorWrite, kAppArmorRead | kAppArmorWrite},
    {FileEvent::CHMOD, kAppArmorWrite},
    {FileEvent::CONNECT, kAppArmorRead | kAppArmorWrite},
    {FileEvent::LOCK, kAppArmorLock},
    {FileEvent::MAP_EXECUTABLE, kAppArmorMap},
    {FileEvent::MKDIR, kAppArmorWrite, 0, true, true},
    {FileEvent::RMDIR, kAppArmorWrite, 0, false, true},
    {FileEvent::MKNOD, kAppArmorWrite, 0, true},
    {FileEvent::SYMLINK, kAppArmorWrite, 0, true},
    {FileEvent::TRUNCATE, kAppArmorWrite},
    {FileEvent::CHOWN, kAppArmorWrite},
};

const AccessNeeds* FindNeeds(FileEvent::Access access) {
  for (const AccessNeeds& needs : kNeeds) {
    if (needs.access == access) return &needs;
  }
  return nullptr;
}

std::string AsDirectory(const std::string& path) {
  return absl::EndsWith(path, "/") ? path : path + "/";
}

absl::Status CheckPath(const std::string& path) {
  if (absl::StartsWith(path, "/")) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("path ", Quoted(path), " is not absolute"));
}

// Questions about one owner: whether the process owns the file is known.
class FileDecider {
 public:
  FileDecider(const AppArmorModel& model, const AppArmorProfileModel& profile, bool own)
      : model_(model), profile_(profile), own_(own) {}

  Verdict Access(const std::string& path, uint32_t request, bool disk) const {
    return ToVerdict(Judged(path, request, disk));
  }

  // First the old name, then the new one; the first denial ends it.
  Verdict Rename(const std::string& old_path, const std::string& path, const AccessNeeds& needs,
                 bool disk) const {
    const AppArmorJudgment second = Judged(path, needs.path, disk);
    if (old_path.empty()) {
      if (second.outcome == Outcome::kDeny) return ToVerdict(second);
      return UnknownVerdict("it depends on the old name, which the event does not tell");
    }
    const AppArmorJudgment first = Judged(old_path, needs.old_path, false);
    return ToVerdict(first.outcome == Outcome::kDeny ? first : BothOf(first, second));
  }

  // See AppArmorFileRule about pairs and subsets.
  Verdict Link(const std::string& path, const std::string& old_path, bool disk) const {
    const AppArmorJudgment first = JudgeAppArmor(profile_, LinkHits(path, disk), kAppArmorLink);
    if (old_path.empty()) {
      if (first.outcome == Outcome::kDeny) return ToVerdict(first);
      return UnknownVerdict("it depends on the old name, which the event does not tell");
    }
    std::vector<AppArmorHit> pairs;
    bool subset = false;
    for (AppArmorHit& hit : LinkPairs(path, old_path, disk)) {
      subset |= hit.rule->file.link_subset && !hit.rule->statement.deny;
      pairs.push_back(std::move(hit));
    }
    AppArmorJudgment pair = JudgeAppArmor(profile_, pairs, kAppArmorLink);
    // A denial of l counts in pairs only: where nothing allows the new name any, the kernel reports
    // that, and does not come to the denial.
    if (first.denies()) {
      AppArmorJudgment told = first;
      if (pair.denies()) told.rules = pair.rules;
      if (!told.rules.empty()) told.reason.clear();
      return ToVerdict(told);
    }
    if (first.outcome == Outcome::kUnknown && pair.outcome == Outcome::kAllow) {
      return ToVerdict(first);
    }
    // The parser asks for the subset test in the half of the rules for the file's owner only.
    const bool done = pair.outcome != Outcome::kAllow || pair.would_deny || !subset || !own_;
    return ToVerdict(done ? pair : Subset(path, old_path, disk, std::move(pair)));
  }

  Verdict Exec(const std::string& path) const;

 private:
  Verdict ToVerdict(const AppArmorJudgment& judgment) const {
    return VerdictOf(model_, profile_, judgment, kFileError);
  }

  bool Applies(const AppArmorRuleModel& rule) const {
    return rule.statement.kind == Kind::kFile && (own_ || !rule.statement.owner);
  }

  // Permissions of links are pairs, and not among these.
  std::vector<AppArmorHit> Hits(const std::string& path, bool disk) const {
    std::vector<AppArmorHit> hits;
    for (const AppArmorRuleModel& rule : profile_.rules) {
      const uint32_t bits = rule.file.permissions & ~kAppArmorLink;
      if (!Applies(rule) || bits == 0) continue;
      const size_t before = hits.size();
      AddAppArmorHit(rule, bits, MatchAppArmorPattern(rule.file.path, path, disk), hits);
      // An m that comes with ix is not audited; one that is written is.
      const bool implied =
          !rule.statement.path.empty() && !absl::StrContains(rule.statement.permissions, 'm');
      if (hits.size() > before && implied) hits.back().unaudited = kAppArmorMap;
    }
    return hits;
  }

  // Rules that let `path` be a new name, for one old name at least.
  std::vector<AppArmorHit> LinkHits(const std::string& path, bool disk) const {
    std::vector<AppArmorHit> hits;
    for (const AppArmorRuleModel& rule : profile_.rules) {
      if (!Applies(rule) || (rule.file.permissions & kAppArmorLink) == 0) continue;
      if (rule.statement.deny) continue;
      AddAppArmorHit(rule, kAppArmorLink, MatchAppArmorPattern(rule.file.path, path, disk), hits);
    }
    return hits;
  }

  std::vector<AppArmorHit> LinkPairs(const std::string& path, const std::string& old_path,
                                     bool disk) const {
    std::vector<AppArmorHit> hits;
    for (const AppArmorRuleModel& rule : profile_.rules) {
      if (!Applies(rule) || (rule.file.permissions & kAppArmorLink) == 0) continue;
      const AppArmorMatch match = MatchAppArmorPattern(rule.file.path, path, disk)
                                      .And(MatchAppArmorPattern(rule.file.link_target, old_path));
      AddAppArmorHit(rule, kAppArmorLink, match, hits);
    }
    return hits;
  }

  AppArmorJudgment Judged(const std::string& path, uint32_t request, bool disk) const {
    return JudgeAppArmor(profile_, Hits(path, disk), request);
  }

  AppArmorJudgment Subset(const std::string& path, const std::string& old_path, bool disk,
                          AppArmorJudgment pair) const;

  // ---- exec

  struct Target {
    bool found = false;
    // Not found, and only the node knows.
    bool elsewhere = false;
    std::string effect;
  };

  Target FindTarget(const AppArmorExec& exec, const std::string& path) const;
  Target FindChild(const std::string& path) const;
  std::string ParentOfChildren() const;
  Verdict Transition(const AppArmorExec& exec, const std::string& path, Verdict verdict) const;

  const AppArmorModel& model_;
  const AppArmorProfileModel& profile_;
  bool own_;
};

// The exec rule that holds for `path`: that of exact rules, if there are any. False when rules
// differ.
bool FindExec(const std::vector<AppArmorHit>& hits, const AppArmorExec*& exec) {
  exec = nullptr;
  for (const bool exact : {true, false}) {
    for (const AppArmorHit& hit : hits) {
      const AppArmorFileRule& file = hit.rule->file;
      if (hit.rule->statement.deny || !hit.perhaps.empty() || file.path.exact != exact ||
          (file.permissions & kAppArmorExec) == 0) {
        continue;
      }
      if (exec != nullptr && !(*exec == file.exec)) return false;
      exec = &file.exec;
    }
    if (exec != nullptr) return true;
  }
  return true;
}

// Whether the new name of a link comes with permissions that the old name lacks.
AppArmorJudgment FileDecider::Subset(const std::string& path, const std::string& old_path,
                                     bool disk, AppArmorJudgment pair) const {
  constexpr uint32_t kCompared[] = {kAppArmorRead, kAppArmorWrite, kAppArmorAppend,
                                    kAppArmorLock, kAppArmorMap,   kAppArmorExec};
  // Complaining and missing rules are looked at afterwards.
  AppArmorProfileModel plain;
  const std::vector<AppArmorHit> now = Hits(path, disk);
  const std::vector<AppArmorHit> before = Hits(old_path, false);
  AppArmorJudgment lacking;
  for (const uint32_t bit : kCompared) {
    const AppArmorJudgment new_name = JudgeAppArmor(plain, now, bit);
    if (new_name.outcome == Outcome::kDeny) continue;
    AppArmorJudgment old_name = JudgeAppArmor(plain, before, bit);
    if (new_name.outcome == Outcome::kUnknown && old_name.outcome != Outcome::kAllow) {
      return new_name;
    }
    if (old_name.outcome == Outcome::kUnknown) return old_name;
    if (old_name.outcome == Outcome::kAllow) continue;
    lacking.outcome = Outcome::kDeny;
    lacking.rules.insert(lacking.rules.end(), old_name.rules.begin(), old_name.rules.end());
  }
  if (lacking.outcome != Outcome::kDeny) {
    const AppArmorExec* exec = nullptr;
    const AppArmorExec* old_exec = nullptr;
    if (!FindExec(now, exec) || !FindExec(before, old_exec)) return pair;
    const bool runs = JudgeAppArmor(plain, now, kAppArmorExec).outcome == Outcome::kAllow;
    if (!runs || (exec != nullptr && old_exec != nullptr && *exec == *old_exec)) return pair;
    lacking.outcome = Outcome::kDeny;
  }
  if (!profile_.missing.empty() && (profile_.missing_more_than_base || lacking.rules.empty())) {
    return JudgeAppArmor(profile_, {}, kAppArmorLink);
  }
  lacking.reported = true;
  if (lacking.rules.empty()) {
    lacking.reason = "a new name may not come with permissions that the old name lacks";
  }
  if (profile_.complain) {
    lacking.outcome = Outcome::kAllow;
    lacking.would_deny = true;
  }
  return lacking;
}

// A child that the path attaches to.
FileDecider::Target FileDecider::FindChild(const std::string& path) const {
  Target target;
  const std::string prefix = profile_.child.empty() ? "" : absl::StrCat(profile_.child, "//");
  for (const AppArmorProfileModel& child : model_.profiles()) {
    absl::string_view name = child.child;
    if (name.empty() || !absl::ConsumePrefix(&name, prefix) || absl::StrContains(name, "//")) {
      continue;
    }
    target.found |= child.attachment.undecidable.empty() && Matches(child.attachment, path);
  }
  target.effect = "runs under the child that attaches to it";
  return target;
}

// What the parser puts in front of the name behind "cx ->". In a child it takes that one's own
// name, without its parent's.
std::string FileDecider::ParentOfChildren() const {
  const size_t last = profile_.child.rfind("//");
  if (profile_.child.empty()) return profile_.name;
  return last == std::string::npos ? profile_.child : profile_.child.substr(last + 2);
}

FileDecider::Target FileDecider::FindTarget(const AppArmorExec& exec,
                                            const std::string& path) const {
  const bool child = exec.transition == AppArmorExec::Transition::kChild;
  if (child && exec.target.empty()) return FindChild(path);
  Target target;
  const std::string name =
      child ? absl::StrCat(ParentOfChildren(), "//", exec.target) : exec.target;
  target.effect = name.empty() ? "runs under the profile that attaches to it"
                               : absl::StrCat("runs under ", name);
  target.found = name == "unconfined";
  for (const AppArmorProfileModel& profile : model_.profiles()) {
    target.found |= name == profile.name;
  }
  // Other profiles are the node's; children of this one are all here.
  target.elsewhere = !target.found && !absl::StartsWith(name, profile_.name + "//");
  return target;
}

// How an allowed exec goes on.
Verdict FileDecider::Transition(const AppArmorExec& exec, const std::string& path,
                                Verdict verdict) const {
  using T = AppArmorExec::Transition;
  constexpr char kSame[] = "runs under the same profile";
  constexpr char kUnconfined[] = "runs unconfined";
  if (exec.transition == T::kInherit || exec.transition == T::kUnconfined) {
    verdict.effect = exec.transition == T::kInherit ? kSame : kUnconfined;
    return verdict;
  }
  const Target target = FindTarget(exec, path);
  verdict.effect = target.effect;
  if (target.found) return verdict;
  if (exec.fallback != T::kNone) {
    const bool inherits = exec.fallback == T::kInherit;
    if (target.elsewhere) {
      absl::StrAppend(&verdict.effect, ", else ", inherits ? "the same profile" : "unconfined");
    } else {
      verdict.effect = inherits ? kSame : kUnconfined;
    }
    return verdict;
  }
  if (target.elsewhere) {
    return UnknownVerdict(
        absl::StrCat("it ", target.effect, " if the node has it, and fails otherwise"));
  }
  verdict.outcome = Outcome::kDeny;
  verdict.reported = true;
  verdict.effect = kFileError;
  verdict.reason = absl::StrCat("the rule allows it, but no child of ", profile_.name, " fits");
  return verdict;
}

Verdict FileDecider::Exec(const std::string& path) const {
  const std::vector<AppArmorHit> hits = Hits(path, false);
  const AppArmorJudgment judgment = JudgeAppArmor(profile_, hits, kAppArmorExec, true);
  Verdict verdict = ToVerdict(judgment);
  if (judgment.outcome != Outcome::kAllow) return verdict;
  if (judgment.would_deny) {
    verdict.effect = "runs under a profile that learns";
    return verdict;
  }
  const AppArmorExec* exec = nullptr;
  if (!FindExec(hits, exec)) {
    return UnknownVerdict(
        "exec rules disagree about the transition; the AppArmor parser refuses the profile");
  }
  return exec == nullptr ? verdict : Transition(*exec, path, std::move(verdict));
}

// Asks for both owners when the event does not tell.
Verdict ForOwnership(const AppArmorModel& model, const AppArmorProfileModel& profile,
                     FileEvent::Ownership ownership,
                     const std::function<Verdict(const FileDecider&)>& decide) {
  if (ownership != FileEvent::OWNERSHIP_UNKNOWN) {
    return decide(FileDecider(model, profile, ownership == FileEvent::OWN));
  }
  const Verdict own = decide(FileDecider(model, profile, true));
  Verdict foreign = decide(FileDecider(model, profile, false));
  if (SameAnswer(own, foreign)) return foreign;
  return UnknownVerdict(absl::StrCat("it depends on whether the process owns the file: ",
                                     VerdictWord(own), " if so, else ", VerdictWord(foreign)));
}

}  // namespace

absl::StatusOr<Verdict> DecideAppArmorFile(const AppArmorModel& model,
                                           const AppArmorProfileModel& profile,
                                           const FileEvent& event) {
  const AccessNeeds* needs = FindNeeds(event.access());
  if (needs == nullptr) return absl::InvalidArgumentError("a file event without an access");
  if (absl::Status status = CheckPath(event.path()); !status.ok()) return status;
  if (!event.old_path().empty()) {
    if (absl::Status status = CheckPath(event.old_path()); !status.ok()) return status;
  }
  const bool renames_directory =
      event.access() == FileEvent::RENAME && absl::EndsWith(event.old_path(), "/");
  const std::string path =
      needs->directory || renames_directory ? AsDirectory(event.path()) : event.path();
  const bool tells = event.ownership() != FileEvent::OWNERSHIP_UNKNOWN;
  const FileEvent::Ownership ownership =
      needs->makes_file && !tells ? FileEvent::OWN : event.ownership();
  return ForOwnership(model, profile, ownership, [&](const FileDecider& decider) {
    if (event.access() == FileEvent::LINK) {
      return decider.Link(path, event.old_path(), event.disk_device());
    }
    if (event.access() == FileEvent::RENAME) {
      return decider.Rename(event.old_path(), path, *needs, event.disk_device());
    }
    return decider.Access(path, needs->path, event.disk_device());
  });
}

absl::StatusOr<Verdict> DecideAppArmorExec(const AppArmorModel& model,
                                           const AppArmorProfileModel& profile,
                                           const ExecEvent& event) {
  if (absl::Status status = CheckPath(event.path()); !status.ok()) return status;
  return ForOwnership(model, profile, event.ownership(),
                      [&](const FileDecider& decider) { return decider.Exec(event.path()); });
}

}  // namespace varmor
