// How the kernel weighs the rules that match: what is allowed, what is reported, and by which rule.
// The same for every kind of event (security/apparmor, Linux 5.4 to 6.1: aa_audit_file,
// aa_check_perms, audit_caps, audit_mount).
//
// - A denial beats a permission, per bit asked for.
// - What is denied is reported, except for bits that a rule without "audit" denies: one such rule
//   keeps a bit quiet, whatever others say.
// - What is allowed is reported when a rule with "audit" allows one of the bits.
// - A profile in complain mode lets through what it reports. A quiet denial it does not report, and
//   so enforces; exec is the exception.
#ifndef LIB_COMPILER_SIMULATE_APP_ARMOR_JUDGE_H_
#define LIB_COMPILER_SIMULATE_APP_ARMOR_JUDGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/simulate/app_armor_model.h"
#include "lib/compiler/simulate/verdict.h"

namespace varmor {

// Whether something matches: certainly, certainly not, or, with the reason, perhaps.
class AppArmorMatch {
 public:
  static AppArmorMatch Of(bool matches) { return AppArmorMatch(matches, ""); }
  static AppArmorMatch Perhaps(absl::string_view why) { return AppArmorMatch(false, why); }

  bool certain() const { return matches_; }
  bool never() const { return !matches_ && why_.empty(); }
  const std::string& why() const { return why_; }

  // Both, and one of both.
  AppArmorMatch And(const AppArmorMatch& other) const;
  AppArmorMatch Or(const AppArmorMatch& other) const;

 private:
  AppArmorMatch(bool matches, absl::string_view why) : matches_(matches), why_(why) {}
  bool matches_;
  std::string why_;
};

// Of a pattern that says why it cannot be decided: perhaps.
AppArmorMatch MatchAppArmorPattern(const AppArmorPattern& pattern, absl::string_view subject,
                                   bool disk = false);

// A rule that has a say, and in which bits.
struct AppArmorHit {
  const AppArmorRuleModel* rule = nullptr;
  uint32_t bits = 0;
  // Why it only perhaps has; "" when it certainly does.
  std::string perhaps;
  // Bits that an "audit" of the rule does not reach.
  uint32_t unaudited = 0;
};

// Adds the rule unless it never matches.
void AddAppArmorHit(const AppArmorRuleModel& rule, uint32_t bits, const AppArmorMatch& match,
                    std::vector<AppArmorHit>& hits);

struct AppArmorJudgment {
  Verdict::Outcome outcome = Verdict::Outcome::kAllow;
  bool reported = false;
  bool would_deny = false;
  // As in Verdict.
  std::vector<const AppArmorRuleModel*> rules;
  std::string reason;

  bool denies() const { return outcome == Verdict::Outcome::kDeny || would_deny; }
};

// `request` is not 0. `exec`: see above. Missing includes count: see AppArmorProfileModel.
AppArmorJudgment JudgeAppArmor(const AppArmorProfileModel& profile,
                               const std::vector<AppArmorHit>& hits, uint32_t request,
                               bool exec = false);

// Two questions that the kernel asks one after the other, whatever the first answer is.
AppArmorJudgment BothOf(const AppArmorJudgment& first, const AppArmorJudgment& second);

// A denial with "audit" whose pattern matches nothing at all takes away the mark by which the
// kernel sees that the profile has rules of this class; then, without other rules, it allows
// everything. (Quiet denials and permissions leave other marks.) The reason why that may be so for
// mounting, or else for ptrace; nothing when it is not.
std::optional<std::string> AppArmorClassMayBeLost(const AppArmorProfileModel& profile, bool mount);

// Whether both would be told the same way.
bool SameAnswer(const Verdict& a, const Verdict& b);

// A verdict that nobody can give.
Verdict UnknownVerdict(absl::string_view reason);
Verdict NotMediatedVerdict(absl::string_view reason);

// `error`: how a denial shows.
Verdict VerdictOf(const AppArmorModel& model, const AppArmorProfileModel& profile,
                  const AppArmorJudgment& judgment, absl::string_view error);

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_APP_ARMOR_JUDGE_H_
