#include "lib/compiler/apparmor/check_statements.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/apparmor/aare.h"
#include "lib/compiler/apparmor/aare_automaton.h"
#include "lib/compiler/apparmor/rule_words.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;

// What "file," alone stands for.
constexpr char kEveryPath[] = "/{,**}";

// One value of a rule's path, variables replaced.
struct Pattern {
  // Null when the pattern would need a very large automaton. Made when first asked for: most rules
  // have nothing to be compared with.
  const AareNfa* Nfa() const {
    if (!tried) nfa = AareNfa::Build(text);
    tried = true;
    return nfa.has_value() ? &*nfa : nullptr;
  }

  std::string text;
  bool exact = false;
  // What every path it matches begins with.
  std::string prefix;
  mutable bool tried = false;
  mutable std::optional<AareNfa> nfa;
};

struct FileRule {
  const AppArmorPlacedStatement* placed = nullptr;
  std::vector<Pattern> patterns;
  std::string permissions;
  std::string exec;

  const AppArmorStatement& statement() const { return placed->statement; }
};

std::string LiteralPrefix(absl::string_view pattern) {
  std::string prefix;
  for (const AareSymbol& symbol : DecodeAare(pattern)) {
    if (!symbol.literal && absl::StrContains("*?[{", static_cast<char>(symbol.byte))) break;
    prefix.push_back(static_cast<char>(symbol.byte));
  }
  return prefix;
}

bool CouldOverlap(const Pattern& a, const Pattern& b) {
  return absl::StartsWith(a.prefix, b.prefix) || absl::StartsWith(b.prefix, a.prefix);
}

// Nothing when the path cannot be reasoned about: an unknown variable.
std::optional<FileRule> MakeFileRule(const AppArmorPlacedStatement& placed) {
  const AppArmorStatement& statement = placed.statement;
  FileRule rule;
  rule.placed = &placed;
  rule.permissions = statement.permissions;
  rule.exec = statement.exec;
  std::string path = statement.path;
  if (path.empty()) {
    path = kEveryPath;
    rule.permissions = "rwlkm";
    rule.exec = "ix";
  }
  const auto values = ExpandAareVariables(path);
  if (!values.has_value()) return std::nullopt;
  // A variable with several values becomes one pattern, which is exact if all of it is.
  const bool exact = std::all_of(values->begin(), values->end(),
                                 [](const std::string& value) { return IsExactAare(value); });
  for (const std::string& value : *values) {
    Pattern& pattern = rule.patterns.emplace_back();
    pattern.text = value;
    pattern.exact = exact;
    pattern.prefix = LiteralPrefix(value);
  }
  return rule;
}

// Pairs of paths are another language.
bool IsLinkPair(const AppArmorStatement& statement) {
  return absl::StartsWith(statement.body, "link ");
}

std::vector<FileRule> FileRules(const std::vector<AppArmorPlacedStatement>& statements,
                                bool denials) {
  std::vector<FileRule> rules;
  for (const AppArmorPlacedStatement& placed : statements) {
    const AppArmorStatement& statement = placed.statement;
    if (statement.kind != Kind::kFile || statement.deny != denials || IsLinkPair(statement)) {
      continue;
    }
    if (auto rule = MakeFileRule(placed)) rules.push_back(*std::move(rule));
  }
  return rules;
}

// The AppArmor parser tells exec rules apart only when exactly one of them is exact.
bool ExecConflict(const FileRule& a, const FileRule& b) {
  for (const Pattern& left : a.patterns) {
    for (const Pattern& right : b.patterns) {
      if (left.exact != right.exact || !CouldOverlap(left, right)) continue;
      const AareNfa* of_left = left.Nfa();
      const AareNfa* of_right = right.Nfa();
      if (of_left == nullptr || of_right == nullptr) continue;
      if (AareOverlap(*of_left, *of_right).value_or(false)) return true;
    }
  }
  return false;
}

void CheckExecConflicts(const std::vector<FileRule>& allowed, Diagnostics& diagnostics) {
  for (size_t i = 0; i < allowed.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const FileRule* reported = &allowed[i];
      const FileRule* other = &allowed[j];
      if (reported->exec.empty() || other->exec.empty()) continue;
      if (reported->exec == other->exec &&
          reported->statement().target == other->statement().target) {
        continue;
      }
      if (!ExecConflict(*reported, *other)) continue;
      // A rule of the base is nobody's mistake.
      if (reported->placed->field.empty()) std::swap(reported, other);
      diagnostics.Error(
          "apparmor-exec-conflict", reported->placed->field,
          absl::StrCat("exec rules ", Quoted(ToString(reported->statement())), " and ",
                       Quoted(ToString(other->statement())),
                       " overlap and differ; the AppArmor parser refuses the profile"),
          "use one exec mode and target in both, or an exact path in one of them",
          reported->statement().place);
    }
  }
}

// Denials that take `permission` ('x' for exec) away from `rule`, as patterns.
std::vector<const AareNfa*> Denials(const std::vector<FileRule>& denied, const FileRule& rule,
                                    const Pattern& pattern, char permission) {
  std::vector<const AareNfa*> patterns;
  for (const FileRule& denial : denied) {
    if (denial.statement().owner && !rule.statement().owner) continue;
    bool takes = absl::StrContains(denial.permissions, permission);
    if (permission == 'x') takes = !denial.exec.empty();
    // Writing includes appending.
    if (permission == 'a' && absl::StrContains(denial.permissions, 'w')) takes = true;
    if (!takes) continue;
    for (const Pattern& other : denial.patterns) {
      if (!CouldOverlap(other, pattern)) continue;
      if (const AareNfa* nfa = other.Nfa()) patterns.push_back(nfa);
    }
  }
  return patterns;
}

bool IsSwallowed(const std::vector<FileRule>& denied, const FileRule& rule) {
  std::string permissions = rule.permissions;
  if (!rule.exec.empty()) permissions.push_back('x');
  if (permissions.empty()) return false;
  for (const char permission : permissions) {
    for (const Pattern& pattern : rule.patterns) {
      const auto denials = Denials(denied, rule, pattern, permission);
      if (denials.empty() || pattern.Nfa() == nullptr) return false;
      if (!AareCovers(denials, *pattern.Nfa()).value_or(false)) return false;
    }
  }
  return true;
}

void WarnSwallowed(const AppArmorPlacedStatement& placed, Diagnostics& diagnostics) {
  diagnostics.Warning("apparmor-deny-swallows-allow", placed.field,
                      absl::StrCat("rule ", Quoted(ToString(placed.statement)),
                                   " has no effect: deny rules take all of it away"),
                      "drop it, or narrow the deny rules", placed.statement.place);
}

// What a capability or network rule names: "chown", "inet stream".
std::set<std::string> Members(const AppArmorStatement& statement) {
  std::vector<std::string> words = absl::StrSplit(statement.body, ' ');
  words.erase(words.begin());
  if (statement.kind == Kind::kCapability) {
    const RuleWords& names = words.empty() ? AppArmorCapabilities() : words;
    return std::set<std::string>(names.begin(), names.end());
  }
  RuleWords families = AppArmorNetworkFamilies();
  RuleWords types = AppArmorNetworkTypes();
  for (const std::string& word : words) {
    if (Contains(AppArmorNetworkFamilies(), word) && &word == &words[0]) {
      families = {word};
    } else if (word == "tcp" || word == "udp" || word == "icmp") {
      types = {word == "tcp" ? "stream" : word == "udp" ? "dgram" : "raw"};
      if (families.size() > 1) families = {"inet"};
      if (words.size() == 1 && word != "icmp") families.push_back("inet6");
    } else {
      types = {word};
    }
  }
  std::set<std::string> members;
  for (const std::string& family : families) {
    for (const std::string& type : types) members.insert(absl::StrCat(family, " ", type));
  }
  return members;
}

void CheckSwallowedMembers(const std::vector<AppArmorPlacedStatement>& statements, Kind kind,
                           Diagnostics& diagnostics) {
  std::set<std::string> denied;
  for (const AppArmorPlacedStatement& placed : statements) {
    if (placed.statement.kind == kind && placed.statement.deny) {
      denied.merge(Members(placed.statement));
    }
  }
  if (denied.empty()) return;
  for (const AppArmorPlacedStatement& placed : statements) {
    if (placed.statement.kind != kind || placed.statement.deny || placed.field.empty()) continue;
    const std::set<std::string> members = Members(placed.statement);
    if (std::includes(denied.begin(), denied.end(), members.begin(), members.end())) {
      WarnSwallowed(placed, diagnostics);
    }
  }
}

void NoteDuplicates(const std::vector<AppArmorPlacedStatement>& statements,
                    Diagnostics& diagnostics) {
  std::map<std::string, const AppArmorPlacedStatement*> first;
  for (const AppArmorPlacedStatement& placed : statements) {
    const auto [entry, is_new] = first.emplace(ToString(placed.statement), &placed);
    if (is_new || placed.field.empty()) continue;
    Diagnostic note;
    note.severity = Diagnostic::Severity::kNote;
    note.code = "apparmor-duplicate";
    note.field = placed.field;
    note.problem = absl::StrCat("rule ", Quoted(entry->first), " stands there twice");
    if (!entry->second->field.empty() && entry->second->field != placed.field) {
      absl::StrAppend(&note.problem, ", first in ", entry->second->field);
    }
    note.inside = placed.statement.place;
    diagnostics.Add(std::move(note));
  }
}

}  // namespace

void CheckAppArmorStatements(const std::vector<AppArmorPlacedStatement>& statements,
                             Diagnostics& diagnostics) {
  const std::vector<FileRule> allowed = FileRules(statements, false);
  CheckExecConflicts(allowed, diagnostics);
  // Rules of the base are nobody's mistake.
  const bool asked = std::any_of(allowed.begin(), allowed.end(),
                                 [](const FileRule& rule) { return !rule.placed->field.empty(); });
  const std::vector<FileRule> denied =
      asked ? FileRules(statements, true) : std::vector<FileRule>();
  for (const FileRule& rule : allowed) {
    if (denied.empty()) break;
    if (!rule.placed->field.empty() && IsSwallowed(denied, rule)) {
      WarnSwallowed(*rule.placed, diagnostics);
    }
  }
  CheckSwallowedMembers(statements, Kind::kCapability, diagnostics);
  CheckSwallowedMembers(statements, Kind::kNetwork, diagnostics);
  NoteDuplicates(statements, diagnostics);
}

}  // namespace varmor
