#include "lib/compiler/diff/diff_app_armor.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/diff/diff_app_armor_parts.h"
#include "lib/compiler/simulate/app_armor_model.h"
#include "lib/compiler/simulate/decide_app_armor.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;

// Some seconds for patterns made to be expensive; ordinary profiles need a thousandth.
constexpr uint64_t kBudget = 5000000;

struct Side {
  AppArmorModel model;
  AppArmorSimulator simulator;
};

bool IsNameByte(char c) { return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.'; }

// `text` with the profile name `from` replaced wherever it stands as a word.
std::string Renamed(absl::string_view text, absl::string_view from, absl::string_view to) {
  std::string out;
  while (true) {
    const size_t at = from.empty() ? absl::string_view::npos : text.find(from);
    if (at == absl::string_view::npos) break;
    const size_t end = at + from.size();
    const bool word =
        (at == 0 || !IsNameByte(text[at - 1])) && (end == text.size() || !IsNameByte(text[end]));
    absl::StrAppend(&out, text.substr(0, at), word ? to : from);
    text.remove_prefix(end);
  }
  absl::StrAppend(&out, text);
  return out;
}

AppArmorArtifact Renamed(AppArmorArtifact artifact, const std::string& to) {
  const std::string from = artifact.name();
  const auto rename = [&](std::string* text) { *text = Renamed(*text, from, to); };
  for (AppArmorPiece& piece : *artifact.mutable_pieces()) {
    if (piece.has_text()) rename(piece.mutable_text());
    if (piece.has_hole()) rename(piece.mutable_hole()->mutable_suffix());
  }
  for (std::string& child : *artifact.mutable_children()) rename(&child);
  for (RuleOrigin& rule : *artifact.mutable_rules()) rename(rule.mutable_text());
  artifact.set_name(to);
  return artifact;
}

absl::StatusOr<Side> LoadSide(const AppArmorArtifact& artifact, const SimulateOptions& options) {
  VARMOR_ASSIGN_OR_RETURN(AppArmorModel model, AppArmorModel::Load(artifact, options));
  VARMOR_ASSIGN_OR_RETURN(AppArmorSimulator simulator, AppArmorSimulator::Load(artifact, options));
  return Side{std::move(model), std::move(simulator)};
}

void Append(std::string& text, const AppArmorPattern& pattern) {
  absl::StrAppend(&text, "\n", pattern.any ? "any" : "", pattern.disk ? "disk" : "", pattern.text,
                  " ", pattern.undecidable);
}

// The rule's text with its variables' values, which differ between profiles.
std::string Signature(const AppArmorRuleModel& rule, const std::string& children) {
  std::string text = ToString(rule.statement);
  switch (rule.statement.kind) {
    case Kind::kFile:
      Append(text, rule.file.path);
      Append(text, rule.file.link_target);
      absl::StrAppend(&text, "\n", rule.file.exec.target);
      // Which children there are decides where it leads.
      if (rule.file.exec.transition == AppArmorExec::Transition::kChild) text += children;
      break;
    case Kind::kMount:
    case Kind::kRemount:
      for (const AppArmorMountForm& form : rule.mount.forms) {
        Append(text, form.target);
        Append(text, form.source);
        for (const AppArmorPattern& type : form.fstypes) Append(text, type);
      }
      break;
    case Kind::kUmount:
      Append(text, rule.umount.target);
      break;
    case Kind::kPivotRoot:
      Append(text, rule.pivot_root.new_root);
      Append(text, rule.pivot_root.old_root);
      break;
    case Kind::kPtrace:
      Append(text, rule.ptrace.peer);
      break;
    case Kind::kSignal:
      Append(text, rule.signal.peer);
      break;
    default:
      break;
  }
  return text;
}

// Children with what finds them.
std::string ChildrenText(const AppArmorModel& model) {
  std::string text;
  for (const AppArmorProfileModel& profile : model.profiles()) {
    if (profile.child.empty()) continue;
    absl::StrAppend(&text, "\n", profile.child);
    if (!profile.attachment.any) Append(text, profile.attachment);
  }
  return text;
}

void AddRules(const AppArmorProfileModel& profile, const std::string& children, int side,
              ProfilePair& pair) {
  for (const AppArmorRuleModel& rule : profile.rules) {
    pair.rules.push_back({&rule, Signature(rule, children), side});
  }
}

bool SameFrame(const AppArmorProfileModel& a, const AppArmorProfileModel& b) {
  return a.complain == b.complain && a.unconfined == b.unconfined && a.kill == b.kill &&
         a.audit_all == b.audit_all && a.missing == b.missing && a.name == b.name;
}

absl::Status DiffProfile(const ProfilePair& pair, DiffBudget& budget, AppArmorChanges& changes) {
  VARMOR_RETURN_IF_ERROR(DiffFiles(pair, budget, changes));
  VARMOR_RETURN_IF_ERROR(DiffLinks(pair, budget, changes));
  VARMOR_RETURN_IF_ERROR(DiffCapabilities(pair, changes));
  VARMOR_RETURN_IF_ERROR(DiffNetwork(pair, changes));
  VARMOR_RETURN_IF_ERROR(DiffMounts(pair, budget, changes));
  VARMOR_RETURN_IF_ERROR(DiffPtrace(pair, budget, changes));
  VARMOR_RETURN_IF_ERROR(DiffSignals(pair, budget, changes));
  DiffTexts(pair, changes);
  return absl::OkStatus();
}

// Every profile that a side has: the main one, and the children of both.
std::vector<std::string> ChildNames(const std::array<std::optional<Side>, 2>& sides) {
  std::vector<std::string> names;
  for (const std::optional<Side>& side : sides) {
    if (!side.has_value()) continue;
    for (const AppArmorProfileModel& profile : side->model.profiles()) {
      if (std::find(names.begin(), names.end(), profile.child) == names.end()) {
        names.push_back(profile.child);
      }
    }
  }
  return names;
}

}  // namespace

absl::Status DiffAppArmor(const AppArmorArtifact* before, const AppArmorArtifact* after,
                          const SimulateOptions& options, DiffResult& result) {
  std::array<std::optional<Side>, 2> sides;
  if (before != nullptr) {
    VARMOR_ASSIGN_OR_RETURN(sides[0], LoadSide(*before, options));
  }
  if (after != nullptr) {
    const bool other_name = before != nullptr && before->name() != after->name();
    VARMOR_ASSIGN_OR_RETURN(
        sides[1], LoadSide(other_name ? Renamed(*after, before->name()) : *after, options));
  }
  AppArmorChanges changes(sides[0].has_value() ? &sides[0]->simulator : nullptr,
                          sides[1].has_value() ? &sides[1]->simulator : nullptr);
  const bool both = before != nullptr && after != nullptr;
  DiffBudget budget{kBudget};
  for (const std::string& child : ChildNames(sides)) {
    // What no profile becomes has no children.
    if (!both && !child.empty()) continue;
    ProfilePair pair;
    std::array<const AppArmorProfileModel*, 2> profiles = {};
    for (int side = 0; side < 2; ++side) {
      if (!sides[side].has_value()) continue;
      profiles[side] = sides[side]->model.Find(child);
      if (profiles[side] == nullptr) continue;
      AddRules(*profiles[side], ChildrenText(sides[side]->model), side, pair);
    }
    if (both && (profiles[0] == nullptr || profiles[1] == nullptr)) {
      changes.Undecided(absl::StrCat("child profile ", child, " exists only ",
                                     profiles[0] == nullptr ? "after" : "before",
                                     ", and what runs under it is not compared"));
      continue;
    }
    pair.everything = !both || !SameFrame(*profiles[0], *profiles[1]);
    changes.SetChild(child);
    VARMOR_RETURN_IF_ERROR(DiffProfile(pair, budget, changes));
  }
  changes.MoveTo(result);
  return absl::OkStatus();
}

}  // namespace varmor
