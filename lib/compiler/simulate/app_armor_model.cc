#include "lib/compiler/simulate/app_armor_model.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/apparmor/aare.h"
#include "lib/compiler/apparmor/parse_statements.h"
#include "lib/compiler/apparmor/profile_text.h"
#include "lib/compiler/apparmor/statement_parts.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/simulate/app_armor_rule_reader.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;
using Item = AppArmorPreambleItem;

// Stands for a disk of the node, as in the artifact's list of rules.
constexpr absl::string_view kDisk = "/dev/DISK";
constexpr absl::string_view kBase = "abstractions/base";
constexpr int kMaxIncludeDepth = 16;

// Every rule that the language has; the compiler decided what may be in the text.
AppArmorParseOptions ParseOptions() {
  AppArmorParseOptions options;
  options.allow_40 = true;
  options.allow_include = true;
  options.allowed_includes = {"*"};
  return options;
}

// The artifact's text, holes filled with kDisk, and the lines where that was done.
struct WholeText {
  std::string text;
  std::set<int> disk_lines;
};

WholeText TextOf(const AppArmorArtifact& artifact) {
  WholeText whole;
  for (const AppArmorPiece& piece : artifact.pieces()) {
    if (!piece.has_hole()) {
      absl::StrAppend(&whole.text, piece.text());
      continue;
    }
    const auto lines = std::count(whole.text.begin(), whole.text.end(), '\n');
    whole.disk_lines.insert(static_cast<int>(lines) + 1);
    absl::StrAppend(&whole.text, piece.hole().prefix(), kDisk, piece.hole().suffix(), "\n");
  }
  return whole;
}

// Files of a directory that the parser skips.
bool IsSkippedFile(absl::string_view name) {
  if (name.empty() || name[0] == '.' || absl::EndsWith(name, "~")) return true;
  for (const char* ending : {".dpkg-new", ".dpkg-old", ".dpkg-dist", ".dpkg-bak", ".dpkg-remove",
                             ".pacsave", ".pacnew", ".rpmnew", ".rpmsave", ".orig", ".rej"}) {
    if (absl::EndsWith(name, ending)) return true;
  }
  return name == "README";
}

struct IncludedText {
  std::string path;
  std::string text;
};

// What `path` includes: a file, or those of a directory. Nothing when it is not at hand.
std::optional<std::vector<IncludedText>> FindInclude(const AppArmorIncludes* includes,
                                                     const std::string& path) {
  if (includes == nullptr) return std::nullopt;
  const auto file = includes->find(path);
  if (file != includes->end()) return std::vector<IncludedText>{{path, file->second}};
  const std::string prefix = absl::EndsWith(path, "/") ? path : path + "/";
  std::vector<IncludedText> texts;
  bool exists = false;
  for (auto it = includes->lower_bound(prefix); it != includes->end(); ++it) {
    absl::string_view name = it->first;
    if (!absl::ConsumePrefix(&name, prefix)) break;
    exists = true;
    if (absl::StrContains(name, '/') || IsSkippedFile(name)) continue;
    texts.push_back({it->first, it->second});
  }
  if (!exists) return std::nullopt;
  return texts;
}

// ---- variables

// Values that the preamble and its includes define.
class PreambleReader {
 public:
  PreambleReader(const AppArmorIncludes* includes, AppArmorVariables& variables)
      : includes_(includes), variables_(variables) {}

  void Read(const std::vector<Item>& items, int depth = 0) {
    for (const Item& item : items) {
      if (item.kind == Item::Kind::kInclude) Include(item.include, depth);
      if (item.kind == Item::Kind::kAlias) aliases_.push_back(item);
      if (item.kind != Item::Kind::kVariable) continue;
      std::vector<std::string>& values = variables_[item.name];
      if (!item.adds) values.clear();
      values.insert(values.end(), item.values.begin(), item.values.end());
    }
  }

  const std::vector<Item>& aliases() const { return aliases_; }
  const std::vector<std::string>& missing() const { return missing_; }

 private:
  void Include(const AppArmorStatement& statement, int depth) {
    const AppArmorStatementParts parts = PartsOf(statement);
    const auto texts = FindInclude(includes_, parts.include);
    if (!texts.has_value()) {
      // Known by heart.
      if (parts.include == "tunables/global") {
        for (const auto& [name, values] : GlobalAppArmorVariableValues()) {
          variables_[name] = values;
        }
        return;
      }
      if (!parts.include_if_exists || includes_ == nullptr) missing_.push_back(statement.body);
      return;
    }
    if (depth >= kMaxIncludeDepth) return;
    for (const IncludedText& included : *texts) {
      Diagnostics diagnostics(true);
      Read(ParseAppArmorPreamble(included.text, "", ParseOptions(), diagnostics), depth + 1);
      if (diagnostics.HasErrors()) missing_.push_back(statement.body);
    }
  }

  const AppArmorIncludes* includes_;
  AppArmorVariables& variables_;
  std::vector<Item> aliases_;
  std::vector<std::string> missing_;
};

// ---- which line of the artifact a rule is

// The artifact's rules by place ("", "child_0") and canonical body.
class RuleIndex {
 public:
  explicit RuleIndex(const AppArmorArtifact& artifact) {
    for (int i = 0; i < artifact.rules_size(); ++i) {
      absl::string_view text = artifact.rules(i).text();
      std::string child;
      for (const std::string& name : artifact.children()) {
        const std::string short_name =
            name.substr(std::min(name.size(), artifact.name().size() + 2));
        if (!absl::ConsumePrefix(&text, short_name + ": ")) continue;
        child = short_name;
        break;
      }
      by_body_[{child, Canonical(text)}].push_back({i, artifact.rules(i).action()});
    }
  }

  // Of a line several may have asked; of equal bodies with different qualifiers the right one.
  std::vector<int> Find(const std::string& child, const AppArmorStatement& statement) const {
    const auto found = by_body_.find({child, statement.body});
    if (found == by_body_.end()) return {};
    std::vector<int> all;
    std::vector<int> same;
    for (const auto& [index, action] : found->second) {
      all.push_back(index);
      if (absl::StrContains(action, "deny") == statement.deny &&
          absl::StrContains(action, "audit") == statement.audit) {
        same.push_back(index);
      }
    }
    return same.empty() ? all : same;
  }

  bool empty() const { return by_body_.empty(); }

 private:
  // As our parser prints it, without qualifiers.
  static std::string Canonical(absl::string_view text) {
    Diagnostics diagnostics(true);
    const std::string rule =
        absl::EndsWith(text, ",") ? std::string(text) : absl::StrCat(text, ",");
    AppArmorParseOptions options = ParseOptions();
    options.variables = AareVariables(rule);
    const std::vector<AppArmorStatement> statements =
        ParseAppArmorStatements(rule, "", options, diagnostics);
    return statements.size() == 1 ? statements[0].body : std::string(text);
  }

  struct Entry {
    int index;
    std::string action;
  };
  std::map<std::pair<std::string, std::string>, std::vector<Entry>> by_body_;
};

// "/dev/sda rw" to "/dev/DISK rw": what a bound hole was.
AppArmorStatement AsDiskRule(const AppArmorStatement& statement) {
  AppArmorStatement out = statement;
  const size_t begin = out.body.find("/dev/");
  if (begin == std::string::npos) return out;
  const size_t end = std::min(out.body.find_first_of("\" ", begin), out.body.size());
  out.body.replace(begin, end - begin, std::string(kDisk));
  return out;
}

// ---- profiles

class ProfileReader {
 public:
  ProfileReader(const WholeText& whole, const RuleIndex& index, const AppArmorIncludes* includes,
                AppArmorVariables variables, const PreambleReader& preamble)
      : whole_(whole),
        index_(index),
        includes_(includes),
        variables_(std::move(variables)),
        preamble_(preamble) {}

  // The block and its children.
  void Read(const AppArmorBlock& block, const std::string& parent, const std::string& child,
            bool complain, std::vector<AppArmorProfileModel>& out) {
    AppArmorProfileModel profile;
    profile.name = parent.empty() ? block.name : absl::StrCat(parent, "//", block.name);
    profile.child = child;
    ReadFlags(block, complain, profile);
    variables_["profile_name"] = {profile.name};
    profile.attachment = Attachment(block, parent.empty());
    Missing(preamble_.missing(), profile);
    AddStatements(block.statements, "", 0, profile);
    AddAliases(profile);
    AddImplied(block, profile);
    const std::string name = profile.name;
    out.push_back(std::move(profile));
    for (const AppArmorBlock& inner : block.children) {
      const std::string inner_child =
          child.empty() ? inner.name : absl::StrCat(child, "//", inner.name);
      Read(inner, name, inner_child, complain, out);
    }
  }

 private:
  static void ReadFlags(const AppArmorBlock& block, bool complain, AppArmorProfileModel& profile) {
    profile.complain = complain;
    for (const std::string& flag : block.flags) {
      profile.complain |= flag == "complain";
      profile.unconfined |= flag == "unconfined";
      profile.kill |= flag == "kill";
      profile.audit_all |= flag == "audit";
    }
  }

  AppArmorPattern Attachment(const AppArmorBlock& block, bool main) const {
    if (!block.attachment.empty()) return MakeAppArmorPattern(block.attachment, variables_);
    // A child's name is what it attaches to.
    if (!main && !block.is_hat) return MakeAppArmorPattern(block.name, variables_);
    AppArmorPattern none;
    none.undecidable = "the profile attaches to nothing";
    return none;
  }

  static void Missing(const std::vector<std::string>& includes, AppArmorProfileModel& profile) {
    for (const std::string& include : includes) {
      profile.missing.push_back(include);
      profile.missing_more_than_base = true;
    }
  }

  void AddStatements(const std::vector<AppArmorStatement>& statements, const std::string& include,
                     int depth, AppArmorProfileModel& profile) {
    for (const AppArmorStatement& statement : statements) {
      if (statement.kind == Kind::kInclude) {
        Include(statement, depth, profile);
        continue;
      }
      const bool disk = include.empty() && whole_.disk_lines.count(statement.place.line) > 0;
      AppArmorRuleModel rule = ReadAppArmorRule(statement, variables_, disk ? kDisk : "");
      rule.include = include;
      if (include.empty()) rule.indexes = index_.Find(profile.child, statement);
      if (include.empty() && rule.indexes.empty()) {
        rule.indexes = index_.Find(profile.child, AsDiskRule(statement));
      }
      profile.rules.push_back(std::move(rule));
    }
  }

  void Include(const AppArmorStatement& statement, int depth, AppArmorProfileModel& profile) {
    const AppArmorStatementParts parts = PartsOf(statement);
    const auto texts = FindInclude(includes_, parts.include);
    if (!texts.has_value() || depth >= kMaxIncludeDepth) {
      if (parts.include_if_exists && includes_ != nullptr) return;
      profile.missing.push_back(statement.body);
      profile.missing_more_than_base |= parts.include != kBase;
      return;
    }
    for (const IncludedText& included : *texts) {
      Diagnostics diagnostics(true);
      AppArmorParseOptions options = ParseOptions();
      for (const auto& [name, values] : variables_) options.variables.push_back(name);
      // The ABI of an include is that of the profile.
      const std::vector<AppArmorStatement> statements =
          ParseAppArmorStatements(WithoutAbi(included.text), included.path, options, diagnostics);
      AddStatements(statements, included.path, depth + 1, profile);
      for (const Diagnostic& diagnostic : diagnostics.list()) {
        if (diagnostic.severity != Diagnostic::Severity::kError) continue;
        profile.missing.push_back(
            absl::StrCat("a rule of <", included.path, "> in line ", diagnostic.inside.line));
        profile.missing_more_than_base = true;
      }
    }
  }

  // Lines that begin with "abi", blanked.
  static std::string WithoutAbi(std::string text) {
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      const size_t word = text.find_first_not_of(" \t", begin);
      if (word < end && absl::StartsWith(absl::string_view(text).substr(word), "abi ")) {
        std::fill(text.begin() + begin, text.begin() + end, ' ');
      }
      begin = end + 1;
    }
    return text;
  }

  // The pattern with the alias's beginning, where it has the alias's name; else as it is.
  bool Alias(const Item& alias, AppArmorPattern& pattern) const {
    absl::string_view rest = pattern.text;
    if (pattern.automaton == nullptr || !absl::ConsumePrefix(&rest, alias.name)) return false;
    pattern = MakeAppArmorPattern(absl::StrCat(alias.values.at(0), rest), variables_);
    return true;
  }

  // An alias adds, for every file rule with a path that begins with its name, the same rule with
  // the other beginning; of a pair, both paths change.
  void AddAliases(AppArmorProfileModel& profile) const {
    for (const Item& alias : preamble_.aliases()) {
      const size_t count = profile.rules.size();
      for (size_t i = 0; i < count; ++i) {
        if (profile.rules[i].statement.kind != Kind::kFile) continue;
        AppArmorRuleModel copy = profile.rules[i];
        bool changed = Alias(alias, copy.file.path);
        changed |= Alias(alias, copy.file.link_target);
        if (changed) profile.rules.push_back(std::move(copy));
      }
    }
  }

  // What the parser gives to profiles that change profile or hat themselves.
  void AddImplied(const AppArmorBlock& block, AppArmorProfileModel& profile) const {
    const bool changes =
        std::any_of(profile.rules.begin(), profile.rules.end(), [](const AppArmorRuleModel& rule) {
          return rule.statement.kind == Kind::kChangeProfile && !rule.statement.deny;
        });
    std::string text;
    if (!block.children.empty() || block.is_hat) {
      text =
          "owner /proc/*/attr/apparmor/ r,\n"
          "owner /proc/[0-9]*/attr/{apparmor/,}current w,\n"
          "owner /sys/module/apparmor/parameters/enabled r,\n";
    }
    if (changes) {
      absl::StrAppend(&text,
                      "owner /proc/*/attr/apparmor/ r,\n"
                      "owner /proc/*/attr/{apparmor/,}{current,exec} w,\n"
                      "owner /sys/module/apparmor/parameters/enabled r,\n");
    }
    Diagnostics diagnostics(true);
    for (const AppArmorStatement& statement :
         ParseAppArmorStatements(text, "", ParseOptions(), diagnostics)) {
      AppArmorRuleModel rule = ReadAppArmorRule(statement, variables_, "");
      rule.implied = true;
      profile.rules.push_back(std::move(rule));
    }
  }

  const WholeText& whole_;
  const RuleIndex& index_;
  const AppArmorIncludes* includes_;
  AppArmorVariables variables_;
  const PreambleReader& preamble_;
};

absl::Status RefusedText(const AppArmorArtifact& artifact, const Diagnostics& diagnostics) {
  std::string problem = "no profile";
  for (const Diagnostic& diagnostic : diagnostics.list()) {
    if (diagnostic.severity != Diagnostic::Severity::kError) continue;
    problem = absl::StrCat("line ", diagnostic.inside.line, ": ", diagnostic.problem);
    break;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("AppArmor profile ", Quoted(artifact.name()), ": ", problem));
}

}  // namespace

bool Matches(const AppArmorPattern& pattern, absl::string_view subject, bool disk) {
  if (pattern.any) return true;
  if (pattern.disk) return disk;
  return pattern.automaton != nullptr && pattern.automaton->Matches(subject);
}

absl::StatusOr<AppArmorModel> AppArmorModel::Load(const AppArmorArtifact& artifact,
                                                  const SimulateOptions& options) {
  const WholeText whole = TextOf(artifact);
  Diagnostics diagnostics(true);
  AppArmorVariables variables;
  PreambleReader preamble(options.includes, variables);
  const std::vector<Item> items =
      ParseAppArmorPreamble(whole.text, "", ParseOptions(), diagnostics);
  preamble.Read(items);

  AppArmorParseOptions parse = ParseOptions();
  for (const auto& [name, values] : variables) {
    const bool defined_here =
        std::any_of(items.begin(), items.end(), [name = name](const Item& item) {
          return item.kind == Item::Kind::kVariable && item.name == name;
        });
    if (!defined_here) parse.variables.push_back(name);
  }
  Diagnostics problems(true);
  const std::optional<AppArmorProfileText> text =
      ParseAppArmorProfileText(whole.text, "", parse, problems);
  if (!text.has_value()) return RefusedText(artifact, problems);

  AppArmorModel model;
  model.rules_.assign(artifact.rules().begin(), artifact.rules().end());
  const RuleIndex index(artifact);
  ProfileReader(whole, index, options.includes, std::move(variables), preamble)
      .Read(text->profile(), "", "", artifact.complain(), model.profiles_);
  return model;
}

const AppArmorProfileModel* AppArmorModel::Find(absl::string_view child) const {
  for (const AppArmorProfileModel& profile : profiles_) {
    if (profile.child == child) return &profile;
  }
  return nullptr;
}

std::vector<ResponsibleRule> AppArmorModel::Responsible(const AppArmorRuleModel& rule) const {
  std::vector<ResponsibleRule> out;
  for (const int index : rule.indexes) out.push_back({index, rules_[index]});
  if (!out.empty()) return out;
  ResponsibleRule frame;
  frame.origin.set_text(ToString(rule.statement));
  if (!rule.include.empty()) {
    frame.origin.set_text(absl::StrCat(frame.origin.text(), " in ", rule.include));
  }
  if (rule.implied) {
    frame.origin.set_text(absl::StrCat(frame.origin.text(), " (added by the parser)"));
  }
  out.push_back(std::move(frame));
  return out;
}

}  // namespace varmor
