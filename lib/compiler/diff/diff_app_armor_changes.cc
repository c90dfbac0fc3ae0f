#include "lib/compiler/diff/diff_app_armor_changes.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

using Outcome = Verdict::Outcome;

absl::StatusOr<Verdict> Answer(const AppArmorSimulator* side, const Event& event) {
  if (side != nullptr) return side->Decide(event);
  Verdict verdict;
  verdict.reason = "there is no AppArmor profile";
  return verdict;
}

// Not mediated is allowed by this enforcer.
bool Denies(const Verdict& verdict) { return verdict.outcome == Outcome::kDeny; }

bool SameVerdict(const Verdict& a, const Verdict& b) {
  return Denies(a) == Denies(b) && a.reported == b.reported && a.would_deny == b.would_deny &&
         a.effect == b.effect;
}

Change::Kind KindOf(const Verdict& before, const Verdict& after) {
  if (Denies(before) == Denies(after)) return Change::Kind::kAuditOnly;
  return Denies(after) ? Change::Kind::kNewlyDenied : Change::Kind::kNewlyAllowed;
}

// Who is responsible, as a text that is equal for equal rules.
std::string RulesKey(const Verdict& verdict) {
  std::string key;
  for (const ResponsibleRule& rule : verdict.rules) {
    absl::StrAppend(&key, rule.index, ":", rule.origin.text(), "\n");
  }
  return absl::StrCat(key, VerdictWord(verdict), verdict.would_deny ? " complaining" : "", "\n",
                      verdict.effect, "\n");
}

}  // namespace

bool AppArmorChanges::Key::operator<(const Key& other) const {
  return std::tie(child, kind, event_class, rules) <
         std::tie(other.child, other.kind, other.event_class, other.rules);
}

std::string AppArmorChanges::InChild() const {
  return child_.empty() ? "" : absl::StrCat(" in ", child_);
}

absl::Status AppArmorChanges::Ask(absl::string_view event_class, absl::string_view what,
                                  Event event) {
  event.set_profile(child_);
  VARMOR_ASSIGN_OR_RETURN(Verdict before, Answer(before_, event));
  VARMOR_ASSIGN_OR_RETURN(Verdict after, Answer(after_, event));
  for (const Verdict* side : {&before, &after}) {
    if (side->outcome != Outcome::kUnknown) continue;
    const std::string known = absl::StrCat(child_, "\n", event_class, "\n", side->reason);
    if (!unknown_.insert(known).second) return absl::OkStatus();
    Undecided(absl::StrCat(event_class, what.empty() ? "" : " ", what, InChild(), " is not known ",
                           side == &before ? "before" : "after", ": ", side->reason));
    return absl::OkStatus();
  }
  // Without a profile nothing is said about how an exec goes on.
  if (before_ == nullptr || after_ == nullptr) {
    if (!Denies(before) && !Denies(after))
      (before_ == nullptr ? before : after).effect = (before_ == nullptr ? after : before).effect;
  }
  if (SameVerdict(before, after)) return absl::OkStatus();
  const Key key{child_, KindOf(before, after), std::string(event_class),
                absl::StrCat(RulesKey(before), "->\n", RulesKey(after))};
  const auto [place, is_new] = found_.try_emplace(key);
  Found& found = place->second;
  found.whats.insert(std::string(what));
  if (!is_new) return absl::OkStatus();
  order_.push_back(key);
  found.change.kind = key.kind;
  found.change.enforcer = "AppArmor";
  found.change.what = absl::StrCat(event_class, what.empty() ? "" : " ", what);
  found.change.example = std::move(event);
  found.change.before = std::move(before);
  found.change.after = std::move(after);
  return absl::OkStatus();
}

void AppArmorChanges::Undecided(absl::string_view text) {
  std::string line = absl::StrCat("AppArmor: ", text);
  if (std::find(undecided_.begin(), undecided_.end(), line) != undecided_.end()) return;
  undecided_.push_back(std::move(line));
}

bool AppArmorChanges::RepeatsWriting(const Key& key) const {
  if (key.event_class != "append") return false;
  Key writing = key;
  writing.event_class = "write";
  return found_.count(writing) > 0;
}

void AppArmorChanges::MoveTo(DiffResult& result) {
  for (const Key& key : order_) {
    if (RepeatsWriting(key)) continue;
    Found& found = found_.at(key);
    const size_t more = found.whats.size() - 1;
    if (more > 0) absl::StrAppend(&found.change.what, " and ", more, " more");
    if (!key.child.empty()) absl::StrAppend(&found.change.what, " in ", key.child);
    result.changes.push_back(std::move(found.change));
  }
  found_.clear();
  order_.clear();
  for (std::string& line : undecided_) result.undecided.push_back(std::move(line));
  undecided_.clear();
}

}  // namespace varmor
