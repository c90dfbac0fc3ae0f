#include "lib/compiler/simulate/app_armor_judge.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace varmor {
namespace {

using Outcome = Verdict::Outcome;

using Kind = AppArmorStatement::Kind;

constexpr char kDefault[] = "no rule is about it, and the profile denies by default";
constexpr char kObserved[] = "no rule allows it; the profile only observes";

// Which of the uncertain hits are taken for certain.
enum class World { kNone, kDenials, kPermissions };

bool Counts(const AppArmorHit& hit, World world) {
  if (hit.perhaps.empty()) return true;
  return world == (hit.rule->statement.deny ? World::kDenials : World::kPermissions);
}

class Judge {
 public:
  Judge(const AppArmorProfileModel& profile, const std::vector<AppArmorHit>& hits, uint32_t request,
        bool exec)
      : profile_(profile), hits_(hits), request_(request), exec_(exec) {}

  AppArmorJudgment In(World world) const {
    uint32_t allow = 0;
    uint32_t deny = 0;
    uint32_t audit = 0;
    uint32_t quiet = 0;
    for (const AppArmorHit& hit : hits_) {
      if (!Counts(hit, world)) continue;
      const AppArmorStatement& statement = hit.rule->statement;
      (statement.deny ? deny : allow) |= hit.bits;
      if (statement.deny && !statement.audit) quiet |= hit.bits;
      if (!statement.deny && statement.audit) audit |= hit.bits & ~hit.unaudited;
    }
    const uint32_t denied = request_ & ~(allow & ~deny);
    if (denied != 0) return Denied(world, denied, quiet);
    AppArmorJudgment judgment;
    const bool by_rule = (request_ & audit) != 0;
    judgment.reported = by_rule || profile_.audit_all;
    for (const AppArmorHit& hit : hits_) {
      if (!Counts(hit, world) || hit.rule->statement.deny || (hit.bits & request_) == 0) continue;
      const uint32_t audited = hit.rule->statement.audit ? hit.bits & ~hit.unaudited : 0;
      if (by_rule && (audited & request_) == 0) continue;
      judgment.rules.push_back(hit.rule);
    }
    return judgment;
  }

 private:
  AppArmorJudgment Denied(World world, uint32_t denied, uint32_t quiet) const {
    AppArmorJudgment judgment;
    judgment.reported = (denied & ~quiet) != 0 || profile_.audit_all;
    const bool through = profile_.complain && (judgment.reported || exec_);
    judgment.outcome = through ? Outcome::kAllow : Outcome::kDeny;
    judgment.would_deny = through;
    for (const AppArmorHit& hit : hits_) {
      if (Counts(hit, world) && hit.rule->statement.deny && (hit.bits & denied) != 0) {
        judgment.rules.push_back(hit.rule);
      }
    }
    if (judgment.rules.empty()) judgment.reason = through ? kObserved : kDefault;
    return judgment;
  }

  const AppArmorProfileModel& profile_;
  const std::vector<AppArmorHit>& hits_;
  uint32_t request_;
  bool exec_;
};

bool Same(const AppArmorJudgment& a, const AppArmorJudgment& b) {
  return a.outcome == b.outcome && a.would_deny == b.would_deny && a.reported == b.reported;
}

AppArmorJudgment Unknown(std::string reason) {
  AppArmorJudgment judgment;
  judgment.outcome = Outcome::kUnknown;
  judgment.reason = std::move(reason);
  return judgment;
}

AppArmorJudgment UnknownByMissing(const AppArmorProfileModel& profile) {
  return Unknown(
      absl::StrCat("it depends on what is included: ", absl::StrJoin(profile.missing, ", ")));
}

// Rules that are not at hand could say something else, unless a rule denies.
AppArmorJudgment WithMissing(const AppArmorProfileModel& profile, AppArmorJudgment judgment) {
  if (profile.missing.empty() || judgment.outcome == Outcome::kUnknown) return judgment;
  if (judgment.denies()) return judgment.rules.empty() ? UnknownByMissing(profile) : judgment;
  if (profile.missing_more_than_base) return UnknownByMissing(profile);
  if (judgment.reason.empty()) {
    judgment.reason =
        "a rule allows it, and abstractions/base, which is not at hand, denies nothing";
  }
  return judgment;
}

}  // namespace

AppArmorMatch AppArmorMatch::And(const AppArmorMatch& other) const {
  if (never() || other.never()) return Of(false);
  return certain() ? other : *this;
}

AppArmorMatch AppArmorMatch::Or(const AppArmorMatch& other) const {
  if (certain() || other.certain()) return Of(true);
  return never() ? other : *this;
}

AppArmorMatch MatchAppArmorPattern(const AppArmorPattern& pattern, absl::string_view subject,
                                   bool disk) {
  if (!pattern.undecidable.empty()) return AppArmorMatch::Perhaps(pattern.undecidable);
  return AppArmorMatch::Of(Matches(pattern, subject, disk));
}

AppArmorJudgment JudgeAppArmor(const AppArmorProfileModel& profile,
                               const std::vector<AppArmorHit>& hits, uint32_t request, bool exec) {
  const Judge judge(profile, hits, request, exec);
  AppArmorJudgment judgment = judge.In(World::kNone);
  for (const World world : {World::kDenials, World::kPermissions}) {
    if (Same(judgment, judge.In(world))) continue;
    for (const AppArmorHit& hit : hits) {
      if (!hit.perhaps.empty() && Counts(hit, world)) return Unknown(hit.perhaps);
    }
  }
  return WithMissing(profile, std::move(judgment));
}

void AddAppArmorHit(const AppArmorRuleModel& rule, uint32_t bits, const AppArmorMatch& match,
                    std::vector<AppArmorHit>& hits) {
  if (match.never()) return;
  AppArmorHit hit{&rule, bits, "", 0};
  if (!match.certain()) {
    hit.perhaps = absl::StrCat("rule \"", ToString(rule.statement), "\": ", match.why());
  }
  hits.push_back(std::move(hit));
}

AppArmorJudgment BothOf(const AppArmorJudgment& first, const AppArmorJudgment& second) {
  // What weighs more is told.
  auto weight = [](const AppArmorJudgment& judgment) {
    if (judgment.outcome == Outcome::kDeny) return 4;
    if (judgment.outcome == Outcome::kUnknown) return 3;
    if (judgment.would_deny) return 2;
    return judgment.reported ? 1 : 0;
  };
  AppArmorJudgment both = weight(first) >= weight(second) ? first : second;
  const AppArmorJudgment& other = weight(first) >= weight(second) ? second : first;
  if (both.outcome == Outcome::kUnknown) return both;
  if (weight(first) == weight(second)) {
    both.rules.insert(both.rules.end(), other.rules.begin(), other.rules.end());
  }
  both.reported |= other.reported && other.outcome != Outcome::kUnknown;
  return both;
}

std::optional<std::string> AppArmorClassMayBeLost(const AppArmorProfileModel& profile, bool mount) {
  const AppArmorRuleModel* culprit = nullptr;
  for (const AppArmorRuleModel& rule : profile.rules) {
    const Kind kind = rule.statement.kind;
    const bool about = mount ? kind == Kind::kMount || kind == Kind::kRemount ||
                                   kind == Kind::kUmount || kind == Kind::kPivotRoot
                             : kind == Kind::kPtrace;
    if (!about) continue;
    const bool umount = kind == Kind::kUmount;
    // Denials may take away all that a rule of these kinds allows.
    const bool keeps_mark = !rule.statement.deny && !umount && kind != Kind::kPtrace;
    if (keeps_mark || (rule.statement.deny && !rule.statement.audit)) return std::nullopt;
    if (!rule.statement.deny) continue;
    if (umount && Matches(rule.umount.target, "")) culprit = &rule;
    if (kind == Kind::kPtrace && !rule.ptrace.peer.any && Matches(rule.ptrace.peer, "") &&
        (rule.ptrace.access & kAppArmorPtraceRead) != 0) {
      culprit = &rule;
    }
  }
  if (culprit == nullptr) return std::nullopt;
  return absl::StrCat("\"", ToString(culprit->statement),
                      "\" without further rules of its kind can make the AppArmor parser leave all "
                      "of them out");
}

bool SameAnswer(const Verdict& a, const Verdict& b) {
  return a.outcome == b.outcome && a.reported == b.reported && a.would_deny == b.would_deny &&
         a.effect == b.effect;
}

Verdict UnknownVerdict(absl::string_view reason) {
  Verdict verdict;
  verdict.outcome = Outcome::kUnknown;
  verdict.reason = std::string(reason);
  return verdict;
}

Verdict NotMediatedVerdict(absl::string_view reason) {
  Verdict verdict;
  verdict.outcome = Outcome::kNotMediated;
  verdict.reason = std::string(reason);
  return verdict;
}

Verdict VerdictOf(const AppArmorModel& model, const AppArmorProfileModel& profile,
                  const AppArmorJudgment& judgment, absl::string_view error) {
  Verdict verdict;
  verdict.outcome = judgment.outcome;
  verdict.reported = judgment.reported;
  verdict.would_deny = judgment.would_deny;
  verdict.reason = judgment.reason;
  if (judgment.outcome == Outcome::kDeny) {
    verdict.effect = profile.kill && judgment.reported ? "killed" : std::string(error);
  }
  std::vector<ResponsibleRule> frame;
  for (const AppArmorRuleModel* rule : judgment.rules) {
    for (ResponsibleRule& one : model.Responsible(*rule)) {
      const bool told =
          one.index < 0 && std::any_of(frame.begin(), frame.end(), [&](const ResponsibleRule& f) {
            return f.origin.text() == one.origin.text();
          });
      if (!told) (one.index < 0 ? frame : verdict.rules).push_back(std::move(one));
    }
  }
  std::sort(verdict.rules.begin(), verdict.rules.end(),
            [](const ResponsibleRule& a, const ResponsibleRule& b) { return a.index < b.index; });
  verdict.rules.erase(std::unique(verdict.rules.begin(), verdict.rules.end(),
                                  [](const ResponsibleRule& a, const ResponsibleRule& b) {
                                    return a.index == b.index;
                                  }),
                      verdict.rules.end());
  for (ResponsibleRule& one : frame) verdict.rules.push_back(std::move(one));
  return verdict;
}

}  // namespace varmor
