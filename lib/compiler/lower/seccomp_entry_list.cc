#include "lib/compiler/lower/seccomp_entry_list.h"

#include <limits>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/seccomp/parse_oci_seccomp.h"
#include "lib/compiler/seccomp/syscall_tables.h"

namespace varmor {
namespace {

bool IsEquality(const SeccompArg& arg) {
  return arg.op == "SCMP_CMP_EQ" || arg.op == "SCMP_CMP_MASKED_EQ";
}

// A comparison that libseccomp gets right beside other entries of one argument.
bool IsSimple(const SeccompArg& arg) {
  return IsEquality(arg) || arg.op == "SCMP_CMP_NE" ||
         arg.value <= std::numeric_limits<uint32_t>::max();
}

}  // namespace

SeccompEntryList::SeccompEntryList(const std::string& default_action,
                                   std::optional<uint32_t> default_errno_ret)
    : allows_by_default_(default_action == "SCMP_ACT_ALLOW"),
      default_(SeccompOutcome::Of(default_action, default_errno_ret)) {}

void SeccompEntryList::Add(Source source, SeccompEntry entry) {
  const SeccompActionWord* action = FindSeccompAction(entry.action);
  if (action != nullptr && !action->takes_errno) entry.errno_ret.reset();
  const SeccompOutcome outcome = SeccompOutcome::Of(entry.action, entry.errno_ret);
  if (outcome == default_) {
    // Runtimes leave such entries out or refuse them. In a block list the validator has spoken.
    if (source == Source::kRaw && !allows_by_default_) without_effect_.push_back(std::move(entry));
    return;
  }
  for (const ArgConjunction& args : Alternatives(entry.args)) {
    if (!allows_by_default_) {
      AddUnit(source, entry, outcome, entry.names, args);
      continue;
    }
    for (const std::string& name : entry.names) AddUnit(source, entry, outcome, {name}, args);
  }
}

void SeccompEntryList::AddUnit(Source source, const SeccompEntry& entry,
                               const SeccompOutcome& outcome, std::vector<std::string> names,
                               const ArgConjunction& args) {
  Unit unit;
  unit.source = source;
  unit.entry = {std::move(names), entry.action, entry.errno_ret, args, entry.origin};
  unit.outcome = outcome;
  unit.dropped.resize(unit.entry.names.size(), false);
  units_.push_back(std::move(unit));
}

// Decides about one syscall that two entries name, the first being the earlier one.
void SeccompEntryList::Combine(const NameInUnit& first, const NameInUnit& second,
                               Diagnostics& diagnostics) {
  const Unit& a = units_[first.unit];
  const Unit& b = units_[second.unit];
  const bool first_covers = a.entry.args.empty() || a.entry.args == b.entry.args;
  const bool second_covers = b.entry.args.empty();
  if (a.outcome != b.outcome) {
    if (!CanBothHold(a.entry.args, b.entry.args)) return;
    // Where both deny, only the errno is in doubt; a raw denial that covers a built-in observation
    // is what was asked for.
    const bool harmless =
        b.source == Source::kBuiltin && a.outcome.denies && (b.outcome.denies || first_covers);
    if (a.source != b.source && !harmless) {
      Contradiction(a.entry.names[first.name], a, b, diagnostics);
    }
  }
  if (first_covers) {
    Drop(second);
  } else if (second_covers) {
    Drop(first);
  }
}

// The raw rule is the one to change.
void SeccompEntryList::Contradiction(const std::string& name, const Unit& a, const Unit& b,
                                     Diagnostics& diagnostics) {
  const Unit& raw = a.source == Source::kRaw ? a : b;
  const Unit& other = a.source == Source::kRaw ? b : a;
  if (!reported_.insert({name, raw.entry.origin.field, other.entry.origin.rule}).second) return;
  const std::string who = other.source == Source::kBuiltin
                              ? absl::StrCat("built-in rule ", Quoted(other.entry.origin.rule))
                              : "the profile itself";
  diagnostics.StrictError(
      "contradictory-actions", raw.entry.origin.field,
      absl::StrCat("for some calls of ", Quoted(name), " this says ", raw.outcome.Text(), " and ",
                   who, " says ", other.outcome.Text(),
                   "; runtimes follow one of them or do not start"),
      "keep one of them, or give them conditions that exclude each other");
}

// `uses` are the entries for one syscall that are left.
void SeccompEntryList::CheckReliable(const std::string& name, const std::vector<NameInUnit>& uses,
                                     Diagnostics& diagnostics) {
  if (uses.size() < 2) return;
  bool equalities = true;
  bool simple = true;
  const SeccompEntry* culprit = nullptr;
  std::string comparison;
  for (const NameInUnit& use : uses) {
    const SeccompEntry& entry = units_[use.unit].entry;
    for (const SeccompArg& arg : entry.args) {
      simple &= IsSimple(arg) && entry.args.size() == 1;
      if (IsEquality(arg)) continue;
      equalities = false;
      culprit = &entry;
      comparison = arg.op;
    }
  }
  if (equalities || simple) return;
  if (!reported_.insert({name, culprit->origin.field, comparison}).second) return;
  diagnostics.StrictError(
      "unreliable-conditions", culprit->origin.field,
      absl::StrCat(uses.size(), " entries have conditions on ", Quoted(name), ", one of them ",
                   comparison, "; libseccomp decides such combinations wrongly or hangs"),
      "use SCMP_CMP_EQ and SCMP_CMP_MASKED_EQ, or one entry for the syscall, or one argument in "
      "each "
      "entry and values below 2^32");
}

std::vector<SeccompEntry> SeccompEntryList::Finish(Diagnostics& diagnostics) {
  for (const SeccompEntry& entry : without_effect_) {
    diagnostics.StrictError(
        "no-effect", entry.origin.field,
        absl::StrCat(default_.Text(),
                     " is what the profile does with every call that it does not "
                     "allow; this rule takes no permission back"),
        "remove the rule, and the syscalls from the entries that allow them");
  }
  if (units_.size() > kMaxSeccompEntries) {
    diagnostics.Error("too-many", units_.back().entry.origin.field,
                      absl::StrCat("needs ", units_.size(), " seccomp entries; ",
                                   kMaxSeccompEntries, " are possible"),
                      "use fewer conditions");
    return {};
  }
  std::map<std::string, std::vector<NameInUnit>> by_name;
  for (size_t unit = 0; unit < units_.size(); ++unit) {
    for (size_t name = 0; name < units_[unit].entry.names.size(); ++name) {
      by_name[units_[unit].entry.names[name]].push_back({unit, name});
    }
  }
  const auto dropped = [this](const NameInUnit& at) { return units_[at.unit].dropped[at.name]; };
  for (const auto& [name, uses] : by_name) {
    for (size_t b = 1; b < uses.size(); ++b) {
      for (size_t a = 0; a < b && !dropped(uses[b]); ++a) {
        if (!dropped(uses[a])) Combine(uses[a], uses[b], diagnostics);
      }
    }
    std::vector<NameInUnit> left;
    for (const NameInUnit& use : uses) {
      if (!dropped(use)) left.push_back(use);
    }
    CheckReliable(name, left, diagnostics);
  }
  std::vector<SeccompEntry> entries;
  for (Unit& unit : units_) {
    std::vector<std::string> names;
    for (size_t i = 0; i < unit.entry.names.size(); ++i) {
      if (!unit.dropped[i]) names.push_back(unit.entry.names[i]);
    }
    if (names.empty()) continue;
    unit.entry.names = std::move(names);
    entries.push_back(std::move(unit.entry));
  }
  return entries;
}

}  // namespace varmor
