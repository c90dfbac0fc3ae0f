#include "lib/compiler/simulate/app_armor_decide_mount.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/apparmor/rule_words.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/normalise/bpf_words.h"
#include "lib/compiler/simulate/app_armor_judge.h"
#include "lib/compiler/simulate/app_armor_rule_reader.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;

constexpr uint32_t kIt = 1;

// MS_* of include/uapi/linux/mount.h.
constexpr uint32_t kRemount = 1u << 5;
constexpr uint32_t kNoSymFollow = 1u << 8;
constexpr uint32_t kBind = 1u << 12;
constexpr uint32_t kMove = 1u << 13;
constexpr uint32_t kRec = 1u << 14;
constexpr uint32_t kSilent = 1u << 15;
constexpr uint32_t kPropagation = 0xfu << 17;

enum class Operation { kNew, kRemount, kBind, kPropagation, kMove, kUmount, kPivotRoot };

// What the kernel compares with the rules.
struct MountQuestion {
  Operation operation = Operation::kNew;
  std::string source;
  std::string target;
  std::string fstype;
  uint32_t flags = 0;
  bool disk = false;
};

absl::StatusOr<uint32_t> FlagBits(absl::string_view word) {
  const BpfWord* known = FindBpfWord(kMountFlagWords, word);
  if (known == nullptr || known->word == "all" || known->word == "*") {
    return absl::InvalidArgumentError(absl::StrCat("unknown mount flag ", Quoted(word)));
  }
  if (known->word == "nosymfollow") return kNoSymFollow;
  const MountFlag* flag = FindMountFlag(known->word);
  return flag == nullptr ? 0 : AppArmorMountFlagBits(flag->canonical).set;
}

// apparmor_sb_mount in security/apparmor/lsm.c: some flags tell the operation, and only those that
// belong to it count.
void SetOperation(MountQuestion& question) {
  if ((question.flags & kRemount) != 0) {
    question.operation = Operation::kRemount;
  } else if ((question.flags & kBind) != 0) {
    question.operation = Operation::kBind;
    question.flags &= kBind | kRec;
  } else if ((question.flags & kPropagation) != 0) {
    question.operation = Operation::kPropagation;
    question.flags &= kPropagation | kRec | kSilent;
  } else if ((question.flags & kMove) != 0) {
    question.operation = Operation::kMove;
    question.flags = kMove;
  }
  if (question.operation == Operation::kNew) return;
  question.fstype.clear();
  if (question.operation == Operation::kRemount || question.operation == Operation::kPropagation) {
    question.source.clear();
  }
}

absl::StatusOr<MountQuestion> QuestionOf(const MountEvent& event) {
  MountQuestion question;
  question.source = event.source();
  question.target = event.target();
  question.fstype = event.fstype();
  question.disk = event.disk_device();
  std::optional<Operation> call;
  for (const std::string& word : event.flags()) {
    VARMOR_ASSIGN_OR_RETURN(const uint32_t bits, FlagBits(word));
    question.flags |= bits;
    if (absl::EqualsIgnoreCase(word, "umount")) call = Operation::kUmount;
    if (absl::EqualsIgnoreCase(word, "pivot-root")) call = Operation::kPivotRoot;
  }
  if (call.has_value()) {
    question.operation = *call;
  } else {
    SetOperation(question);
  }
  return question;
}

AppArmorMatch MatchForm(const AppArmorMountForm& form, const MountQuestion& question) {
  const uint32_t flags = question.flags;
  const bool flags_match = form.any_flags || ((flags & form.required) == form.required &&
                                              (flags & ~(form.required | form.optional)) == 0);
  if (!flags_match) return AppArmorMatch::Of(false);
  AppArmorMatch fstype = AppArmorMatch::Of(form.fstypes.empty());
  for (const AppArmorPattern& pattern : form.fstypes) {
    fstype = fstype.Or(MatchAppArmorPattern(pattern, question.fstype));
  }
  return fstype.And(MatchAppArmorPattern(form.target, question.target))
      .And(MatchAppArmorPattern(form.source, question.source, question.disk));
}

AppArmorMatch MatchRule(const AppArmorRuleModel& rule, const MountQuestion& question) {
  const Kind kind = rule.statement.kind;
  AppArmorMatch match = AppArmorMatch::Of(false);
  switch (question.operation) {
    case Operation::kUmount:
      if (kind == Kind::kUmount) {
        match = MatchAppArmorPattern(rule.umount.target, question.target, question.disk);
      }
      return match;
    case Operation::kPivotRoot:
      if (kind == Kind::kPivotRoot) {
        match = MatchAppArmorPattern(rule.pivot_root.new_root, question.target)
                    .And(MatchAppArmorPattern(rule.pivot_root.old_root, question.source));
      }
      return match;
    default:
      if (kind != Kind::kMount && kind != Kind::kRemount) return match;
      for (const AppArmorMountForm& form : rule.mount.forms) {
        match = match.Or(MatchForm(form, question));
      }
      return match;
  }
}

Verdict Answer(const AppArmorModel& model, const AppArmorProfileModel& profile,
               const MountQuestion& question) {
  std::vector<AppArmorHit> hits;
  for (const AppArmorRuleModel& rule : profile.rules) {
    AddAppArmorHit(rule, kIt, MatchRule(rule, question), hits);
  }
  return VerdictOf(model, profile, JudgeAppArmor(profile, hits, kIt), "EACCES");
}

void MakeDirectory(std::string& path) {
  if (absl::StartsWith(path, "/") && !absl::EndsWith(path, "/")) path.push_back('/');
}

MountQuestion WithDirectories(MountQuestion question) {
  MakeDirectory(question.target);
  // Of a new mount, the source is a device or any word.
  if (question.operation != Operation::kNew) MakeDirectory(question.source);
  return question;
}

bool CertainlyDirectories(const MountQuestion& question) {
  return question.operation == Operation::kNew || question.operation == Operation::kPivotRoot ||
         absl::EndsWith(question.target, "/") ||
         (question.operation != Operation::kUmount && absl::EndsWith(question.source, "/"));
}

}  // namespace

absl::StatusOr<Verdict> DecideAppArmorMount(const AppArmorModel& model,
                                            const AppArmorProfileModel& profile,
                                            const MountEvent& event) {
  VARMOR_ASSIGN_OR_RETURN(const MountQuestion question, QuestionOf(event));
  if (const std::optional<std::string> lost = AppArmorClassMayBeLost(profile, true)) {
    return UnknownVerdict(*lost);
  }
  Verdict directory = Answer(model, profile, WithDirectories(question));
  if (CertainlyDirectories(question)) return directory;
  const Verdict file = Answer(model, profile, question);
  if (SameAnswer(directory, file)) return directory;
  return UnknownVerdict(absl::StrCat("it depends on whether ", Quoted(question.target),
                                     " is a directory: ", VerdictWord(directory), " if so, else ",
                                     VerdictWord(file), "; a directory ends in a slash"));
}

}  // namespace varmor
