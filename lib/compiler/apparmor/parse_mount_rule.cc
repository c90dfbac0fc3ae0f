// mount, remount, umount and pivot_root rules.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/apparmor/check_target.h"
#include "lib/compiler/apparmor/rule_parser.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;

struct MountRule {
  std::vector<RuleCondition> conditions;
  bool has_source = false;
  RuleWord source;
  bool has_target = false;
  RuleWord target;
};

RuleWords MountFlagWords() {
  RuleWords words;
  for (const MountFlag& flag : AppArmorMountFlags()) words.push_back(flag.word);
  return words;
}

bool CheckMountFlag(RuleParser& parser, const RuleWord& value) {
  if (FindMountFlag(value.text) != nullptr) return true;
  std::string fix = DidYouMean(value.text, MountFlagWords(),
                               "use the words of mount(8) that apparmor.d(5) lists");
  if (absl::StrContains(value.text, ',')) {
    fix = absl::StrCat("put several options in parentheses: options=(", value.text, ")");
  }
  return parser.Error("apparmor-unknown-mount-option", value.begin,
                      absl::StrCat("unknown mount option ", Quoted(value.text)), fix);
}

bool CheckMountConditions(RuleParser& parser, std::vector<RuleCondition>& conditions) {
  bool ok = true;
  for (RuleCondition& condition : conditions) {
    if (condition.name == "vfstype") condition.name = "fstype";
    if (condition.name == "option") condition.name = "options";
    if (condition.name == "options") {
      for (const RuleWord& value : condition.values) {
        if (!CheckMountFlag(parser, value)) ok = false;
      }
    } else if (condition.name == "fstype") {
      // "=" and "in" are the same here.
      condition.in = false;
      for (const RuleWord& value : condition.values) {
        if (!parser.CheckPattern(value)) ok = false;
      }
    } else {
      ok = parser.Error(
          "apparmor-unknown-condition", condition.begin,
          absl::StrCat("unknown mount condition ", Quoted(condition.name)),
          DidYouMean(condition.name, {"fstype", "options"}, "conditions are fstype and options"));
    }
  }
  return ok;
}

// Words that clear a flag: a remount for nothing else is no mount of a new filesystem.
bool ClearsFlag(absl::string_view canonical) {
  return Contains({"rw", "suid", "dev", "exec", "async", "nomand", "atime", "diratime", "loud",
                   "noacl", "noiversion", "user"},
                  canonical);
}

// Whether the parser finds an operation that the conditions fit. Flags of other operations are
// ignored in that search, as long as one operation remains.
bool FitsSomeOperation(const MountRule& rule, Kind kind) {
  if (kind == Kind::kUmount) return true;
  bool has_fstype = false;
  bool has_options = kind == Kind::kRemount;
  bool plain = false;
  bool remount = kind == Kind::kRemount;
  bool bind = false;
  bool move = false;
  bool propagation = false;
  for (const RuleCondition& condition : rule.conditions) {
    if (condition.name == "fstype") has_fstype = true;
    if (condition.name != "options") continue;
    for (const RuleWord& value : condition.values) {
      const MountFlag* flag = FindMountFlag(value.text);
      // The AppArmor parser knows the word "norelatime" and makes nothing of it.
      if (flag == nullptr || flag->canonical == absl::string_view("norelatime")) continue;
      has_options = true;
      plain |= flag->command == MountFlag::Command::kNone &&
               (kind == Kind::kMount || condition.in || !ClearsFlag(flag->canonical));
      remount |= flag->command == MountFlag::Command::kRemount;
      bind |= flag->command == MountFlag::Command::kBind;
      move |= flag->command == MountFlag::Command::kMove;
      propagation |= flag->command == MountFlag::Command::kPropagation;
    }
  }
  if (!has_options || plain) return true;
  if ((bind || move) && !has_fstype) return true;
  const bool has_device = rule.has_source && kind == Kind::kMount;
  return (remount || propagation) && !has_fstype && !has_device;
}

// Where apparmor_parser ends an unquoted word that is no path: at ")" or "="; directly behind a
// variable at "=" only.
size_t EndOfUnquoted(absl::string_view word) {
  if (absl::StartsWith(word, "/")) return std::string::npos;
  if (!absl::StartsWith(word, "@{")) return word.find_first_of(")=");
  const size_t behind = word.find('}') + 1;
  return behind < word.size() && word[behind] == '=' ? behind : std::string::npos;
}

// A mount point: a path, or a pattern that may begin with a wildcard.
bool ReadMountPath(RuleParser& parser, bool mount_point, RuleWord& word) {
  if (!parser.ReadPattern("a path", word)) return false;
  if (!word.quoted && absl::StrContains(word.text, "->")) {
    return parser.Error("apparmor-syntax", word.begin,
                        absl::StrCat("no blanks around the arrow in ", Quoted(word.text)),
                        "write blanks on both sides of \"->\"");
  }
  if (!word.quoted && absl::StartsWith(word.text, "=")) {
    return parser.Error("apparmor-syntax", word.begin, "unexpected \"=\"",
                        "expected a path; quote one that begins with \"=\"");
  }
  const size_t ended = word.quoted ? std::string::npos : EndOfUnquoted(word.text);
  if (ended != std::string::npos) {
    return parser.Error(
        "apparmor-syntax", word.begin,
        absl::StrCat("unexpected ", Quoted(word.text.substr(ended, 1)), " in ", Quoted(word.text)),
        "quote the word");
  }
  if (!mount_point || word.text.empty() || absl::StrContains("/@*?{[", word.text[0])) return true;
  return parser.Error("apparmor-relative-path", word.begin,
                      absl::StrCat("mount point ", Quoted(word.text), " is not absolute"),
                      "start it with \"/\"");
}

std::vector<std::string> CanonicalValues(const RuleCondition& condition) {
  std::vector<std::string> values;
  for (const RuleWord& word : condition.values) {
    const MountFlag* flag = condition.name == "options" ? FindMountFlag(word.text) : nullptr;
    std::string value = flag != nullptr ? flag->canonical : word.text;
    if (!Contains(values, value)) values.push_back(std::move(value));
  }
  return values;
}

std::string Print(absl::string_view keyword, const MountRule& rule) {
  std::string out(keyword);
  for (const RuleCondition& condition : rule.conditions) {
    absl::StrAppend(&out, " ",
                    PrintCondition(condition.name, condition.in, CanonicalValues(condition)));
  }
  if (rule.has_source) absl::StrAppend(&out, " ", PrintAppArmorPattern(rule.source.text));
  if (rule.has_target) absl::StrAppend(&out, " -> ", PrintAppArmorPattern(rule.target.text));
  return out;
}

absl::string_view Keyword(Kind kind) {
  if (kind == Kind::kRemount) return "remount";
  return kind == Kind::kUmount ? "umount" : "mount";
}

// "@{HOME}", and nothing else.
bool IsOneVariable(absl::string_view text) {
  return absl::StartsWith(text, "@{") && text.find('}') == text.size() - 1;
}

bool AtEndOfWords(const RuleLexer& lexer) {
  return lexer.AtEnd() || lexer.Peek() == ',' || lexer.LookingAt("->");
}

}  // namespace

bool ParseMountRule(RuleParser& parser, AppArmorStatement& statement) {
  RuleLexer& lexer = parser.lexer();
  const size_t begin = lexer.offset();
  MountRule rule;
  if (!parser.ReadConditions(rule.conditions)) return false;
  const bool is_mount = statement.kind == Kind::kMount;
  if (!AtEndOfWords(lexer)) {
    rule.has_source = true;
    if (!ReadMountPath(parser, !is_mount, rule.source)) return false;
    lexer.SkipBlanks();
  }
  if (is_mount && lexer.ConsumeArrow()) {
    if (!IsBlank(lexer.Peek()) && lexer.Peek() != '\n' && lexer.Peek() != '\r') {
      return parser.Unexpected("a blank behind \"->\"");
    }
    lexer.SkipBlanks();
    rule.has_target = true;
    if (!ReadMountPath(parser, true, rule.target)) return false;
  }
  if (!CheckMountConditions(parser, rule.conditions)) return false;
  if (!FitsSomeOperation(rule, statement.kind)) {
    return parser.Error("apparmor-mount-combination", begin,
                        "no kind of mount has these options with this source or fstype",
                        "drop fstype for bind and move; drop fstype and source for remount, "
                        "private, shared, slave and unbindable");
  }
  statement.body = Print(Keyword(statement.kind), rule);
  return true;
}

bool ParsePivotRootRule(RuleParser& parser, AppArmorStatement& statement) {
  RuleLexer& lexer = parser.lexer();
  std::vector<RuleCondition> conditions;
  if (!parser.ReadConditions(conditions)) return false;
  statement.body = "pivot_root";
  for (const RuleCondition& condition : conditions) {
    if (condition.name != "oldroot" || conditions.size() > 1 || condition.values.size() > 1) {
      return parser.Error("apparmor-unknown-condition", condition.begin,
                          absl::StrCat("unexpected pivot_root condition ", Quoted(condition.name)),
                          "pivot_root takes oldroot=PATH once");
    }
    if (!parser.CheckPattern(condition.values[0])) return false;
    absl::StrAppend(&statement.body, " ",
                    PrintCondition("oldroot", false, {condition.values[0].text}));
  }
  if (!AtEndOfWords(lexer)) {
    RuleWord root;
    if (!parser.ReadPath(root)) return false;
    const bool is_variable = IsOneVariable(root.text);
    if (is_variable && !root.quoted) {
      return parser.Error("apparmor-syntax", root.begin,
                          absl::StrCat("variable ", Quoted(root.text), " alone behind pivot_root"),
                          "put it in quotes: the AppArmor parser takes it for a definition");
    }
    absl::StrAppend(
        &statement.body, " ",
        is_variable ? absl::StrCat("\"", root.text, "\"") : PrintAppArmorPattern(root.text));
  }
  lexer.SkipBlanks();
  bool has_target = false;
  RuleWord target;
  if (!parser.ReadTarget(has_target, target)) return false;
  if (has_target) absl::StrAppend(&statement.body, " -> ", PrintAppArmorPattern(target.text));
  return true;
}

}  // namespace varmor
