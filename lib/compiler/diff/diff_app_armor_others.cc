// Finite sets and labels: capabilities, sockets, ptrace, signals; and what has no events.
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/compiler/apparmor/rule_words.h"
#include "lib/compiler/diff/diff_app_armor_parts.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;

// How the peers of a class are told: by a pattern that matches them, or by one of them.
std::string PeerText(const PatternTable& table, const TextClass& peers) {
  std::string text;
  for (const int number : peers.matched) {
    if (table.text(number).size() > text.size()) text = table.text(number);
  }
  return text.empty() ? peers.example : text;
}

const std::vector<std::string>& EverySignal() {
  static const auto& signals = *[] {
    auto* list = new std::vector<std::string>(AppArmorSignals());
    for (int i = 0; i <= 32; ++i) list->push_back(absl::StrCat("rtmin+", i));
    return list;
  }();
  return signals;
}

// "dbus", for messages; null for kinds that are compared by events.
const char* NameOfTextKind(Kind kind) {
  switch (kind) {
    case Kind::kDbus:
      return "dbus rules";
    case Kind::kUnix:
      return "unix rules";
    case Kind::kRlimit:
      return "rlimits";
    case Kind::kChangeProfile:
      return "change_profile rules";
    case Kind::kChangeHat:
      return "change_hat rules";
    case Kind::kUserns:
      return "userns rules";
    case Kind::kIoUring:
      return "io_uring rules";
    case Kind::kMqueue:
      return "mqueue rules";
    case Kind::kAll:
      return "the rule all";
    default:
      return nullptr;
  }
}

// Whether the rules allow everything of their kind: one that is the keyword alone, and no denial.
bool AllowEverything(const std::vector<DiffRule>& rules) {
  bool everything = false;
  for (const DiffRule& rule : rules) {
    const AppArmorStatement& statement = rule.rule->statement;
    if (statement.deny || statement.audit) return false;
    everything |= statement.body.find(' ') == std::string::npos;
  }
  return everything;
}

const AppArmorPattern* UndecidablePattern(const AppArmorRuleModel& rule) {
  std::vector<const AppArmorPattern*> patterns = {
      &rule.file.path,           &rule.file.link_target, &rule.umount.target,
      &rule.pivot_root.new_root, &rule.ptrace.peer,      &rule.signal.peer,
      &rule.pivot_root.old_root};
  for (const AppArmorMountForm& form : rule.mount.forms) {
    patterns.push_back(&form.target);
    patterns.push_back(&form.source);
    for (const AppArmorPattern& type : form.fstypes) patterns.push_back(&type);
  }
  for (const AppArmorPattern* pattern : patterns) {
    if (!pattern->undecidable.empty()) return pattern;
  }
  return nullptr;
}

}  // namespace

absl::Status DiffCapabilities(const ProfilePair& pair, AppArmorChanges& changes) {
  if (SameRules(pair, RulesOfKind(pair, {Kind::kCapability}))) return absl::OkStatus();
  for (const std::string& name : AppArmorCapabilities()) {
    Event event;
    event.set_capability(name);
    VARMOR_RETURN_IF_ERROR(changes.Ask("capability", name, event));
  }
  return absl::OkStatus();
}

absl::Status DiffNetwork(const ProfilePair& pair, AppArmorChanges& changes) {
  if (SameRules(pair, RulesOfKind(pair, {Kind::kNetwork, Kind::kUnix}))) return absl::OkStatus();
  for (const std::string& family : AppArmorNetworkFamilies()) {
    if (family == "unspec") continue;  // no sockets of it
    for (const std::string& type : AppArmorNetworkTypes()) {
      Event event;
      event.mutable_socket()->set_domain(family);
      event.mutable_socket()->set_type(type);
      VARMOR_RETURN_IF_ERROR(changes.Ask("socket", absl::StrCat(family, " ", type), event));
    }
  }
  return absl::OkStatus();
}

absl::Status DiffPtrace(const ProfilePair& pair, DiffBudget& budget, AppArmorChanges& changes) {
  const std::vector<DiffRule> rules = RulesOfKind(pair, {Kind::kPtrace});
  if (SameRules(pair, rules)) return absl::OkStatus();
  PatternTable table;
  for (const DiffRule& rule : rules) table.Add(rule.rule->ptrace.peer, rule);
  const auto classes =
      Classes(table, TextDomain::kText, pair.everything, "ptrace rules", budget, changes);
  if (!classes.has_value()) return absl::OkStatus();
  for (const TextClass& peers : *classes) {
    for (const char* permission : {"trace", "read", "traceby", "readby"}) {
      Event event;
      event.mutable_ptrace()->set_permission(permission);
      event.mutable_ptrace()->set_peer(peers.example);
      VARMOR_RETURN_IF_ERROR(
          changes.Ask(absl::StrCat("ptrace ", permission), PeerText(table, peers), event));
    }
  }
  return absl::OkStatus();
}

absl::Status DiffSignals(const ProfilePair& pair, DiffBudget& budget, AppArmorChanges& changes) {
  const std::vector<DiffRule> rules = RulesOfKind(pair, {Kind::kSignal});
  if (SameRules(pair, rules)) return absl::OkStatus();
  PatternTable table;
  for (const DiffRule& rule : rules) table.Add(rule.rule->signal.peer, rule);
  const auto classes =
      Classes(table, TextDomain::kText, pair.everything, "signal rules", budget, changes);
  if (!classes.has_value()) return absl::OkStatus();
  for (const TextClass& peers : *classes) {
    for (const char* access : {"send", "receive"}) {
      for (const std::string& signal : EverySignal()) {
        Event event;
        event.mutable_signal()->set_signal(signal);
        event.mutable_signal()->set_access(access);
        event.mutable_signal()->set_peer(peers.example);
        VARMOR_RETURN_IF_ERROR(changes.Ask(absl::StrCat("signal ", access),
                                           absl::StrCat(signal, " with ", PeerText(table, peers)),
                                           event));
      }
    }
  }
  return absl::OkStatus();
}

void DiffTexts(const ProfilePair& pair, AppArmorChanges& changes) {
  std::map<Kind, SideSignatures> texts;
  SideSignatures undecidable;
  std::map<std::string, std::string> reasons;
  for (const DiffRule& rule : pair.rules) {
    const Kind kind = rule.rule->statement.kind;
    if (NameOfTextKind(kind) != nullptr) texts[kind][rule.side].insert(rule.signature);
    if (const AppArmorPattern* pattern = UndecidablePattern(*rule.rule)) {
      undecidable[rule.side].insert(rule.signature);
      reasons[rule.signature] =
          absl::StrCat("rule \"", rule.rule->statement.body, "\": ", pattern->undecidable);
    }
  }
  for (const auto& [kind, signatures] : texts) {
    const bool same = signatures[0] == signatures[1];
    if (same && !pair.everything) continue;
    // As if there were no profile.
    if (pair.everything && AllowEverything(RulesOfKind(pair, {kind}))) continue;
    changes.Undecided(absl::StrCat(NameOfTextKind(kind), " differ, and how is not compared"));
  }
  for (const auto& [signature, reason] : reasons) {
    if (undecidable[0].count(signature) != undecidable[1].count(signature)) {
      changes.Undecided(reason);
    }
  }
}

}  // namespace varmor
