#include "lib/compiler/diff/diff_bpf_changes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

using Outcome = Verdict::Outcome;

bool Differ(const Verdict& a, const Verdict& b) {
  if (a.outcome == Outcome::kUnknown || b.outcome == Outcome::kUnknown) return false;
  return a.outcome != b.outcome || a.reported != b.reported || a.would_deny != b.would_deny;
}

Change::Kind KindOf(const Verdict& before, const Verdict& after) {
  if (before.outcome == after.outcome) return Change::Kind::kAuditOnly;
  return after.outcome == Outcome::kDeny ? Change::Kind::kNewlyDenied : Change::Kind::kNewlyAllowed;
}

int FirstRule(const Verdict& verdict) {
  return verdict.rules.empty() ? -1 : verdict.rules[0].index;
}

// The rule that a reader looks for: the one that does more.
std::string What(const Change& change, absl::string_view event_class) {
  const Verdict* first = &change.after;
  const Verdict* second = &change.before;
  const bool more_before = change.kind == Change::Kind::kNewlyAllowed ||
                           (change.kind == Change::Kind::kAuditOnly && change.before.reported);
  if (more_before) std::swap(first, second);
  for (const Verdict* verdict : {first, second}) {
    if (!verdict->rules.empty()) return verdict->rules[0].origin.text();
  }
  return absl::StrCat(event_class, ": what no rule is about");
}

}  // namespace

absl::StatusOr<bool> BpfChanges::Ask(absl::string_view event_class, const Event& event) {
  Change change;
  VARMOR_ASSIGN_OR_RETURN(change.before, before_.Decide(event));
  VARMOR_ASSIGN_OR_RETURN(change.after, after_.Decide(event));
  if (!Differ(change.before, change.after)) return false;
  change.kind = KindOf(change.before, change.after);
  Key key(change.kind, std::string(event_class), FirstRule(change.before), FirstRule(change.after));
  if (!seen_.insert(std::move(key)).second) return true;
  change.enforcer = "BPF";
  change.what = What(change, event_class);
  change.example = event;
  found_.changes.push_back(std::move(change));
  return true;
}

void BpfChanges::Undecided(absl::string_view text) {
  found_.undecided.push_back(absl::StrCat("BPF: ", text));
}

void BpfChanges::MoveTo(DiffResult& result) {
  std::move(found_.changes.begin(), found_.changes.end(), std::back_inserter(result.changes));
  std::move(found_.undecided.begin(), found_.undecided.end(), std::back_inserter(result.undecided));
  found_ = DiffResult();
}

}  // namespace varmor
