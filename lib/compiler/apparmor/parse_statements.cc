#include "lib/compiler/apparmor/parse_statements.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/apparmor/rule_parser.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;
using ParseRuleFunction = bool (*)(RuleParser&, AppArmorStatement&);

// How far the "{" of a block's head is looked for.
constexpr size_t kMaxHead = 4096;

struct RuleKeyword {
  const char* word;
  Kind kind;
  ParseRuleFunction parse;
  bool may_have_owner = false;
  bool needs_40 = false;
};

constexpr RuleKeyword kRuleKeywords[] = {
    {"link", Kind::kFile, ParseLinkRule, true},
    {"capability", Kind::kCapability, ParseCapabilityRule},
    {"network", Kind::kNetwork, ParseNetworkRule},
    {"mount", Kind::kMount, ParseMountRule},
    {"remount", Kind::kRemount, ParseMountRule},
    {"umount", Kind::kUmount, ParseMountRule},
    {"unmount", Kind::kUmount, ParseMountRule},
    {"pivot_root", Kind::kPivotRoot, ParsePivotRootRule},
    {"ptrace", Kind::kPtrace, ParsePtraceRule},
    {"signal", Kind::kSignal, ParseSignalRule},
    {"dbus", Kind::kDbus, ParseDbusRule},
    {"unix", Kind::kUnix, ParseUnixRule},
    {"set", Kind::kRlimit, ParseRlimitRule},
    {"change_profile", Kind::kChangeProfile, ParseChangeProfileRule},
    {"userns", Kind::kUserns, ParseAppArmor40Rule, false, true},
    {"io_uring", Kind::kIoUring, ParseAppArmor40Rule, false, true},
    {"mqueue", Kind::kMqueue, ParseAppArmor40Rule, false, true},
    {"all", Kind::kAll, ParseAppArmor40Rule, false, true},
};

const RuleKeyword* FindRuleKeyword(absl::string_view word) {
  for (const RuleKeyword& keyword : kRuleKeywords) {
    if (word == keyword.word) return &keyword;
  }
  return nullptr;
}

bool IncludeIsAllowed(absl::string_view path, const AppArmorParseOptions& options) {
  for (absl::string_view allowed : options.allowed_includes) {
    if (path == allowed) return true;
    if (absl::ConsumeSuffix(&allowed, "*") && absl::StartsWith(path, allowed)) return true;
  }
  return false;
}

bool HasDotDot(absl::string_view path) {
  return path == ".." || absl::StartsWith(path, "../") || absl::EndsWith(path, "/..") ||
         absl::StrContains(path, "/../");
}

}  // namespace

bool RuleParser::ParseStatement(AppArmorStatement& statement) {
  statement = AppArmorStatement();
  const size_t begin = lexer_.offset();
  statement.place = lexer_.Place(begin);
  if (IsLegacyInclude(lexer_.text().substr(begin)) || lexer_.PeekKeyword() == "include") {
    // An include ends with its line, whatever is wrong with it.
    if (ParseInclude(statement)) return true;
    lexer_.SkipLine();
    return false;
  }
  if (ParseQualifiers(statement) && ParseRule(statement) && EndOfRule(statement)) return true;
  if (lexer_.offset() == begin && !lexer_.AtEnd()) lexer_.set_offset(begin + 1);
  if (!at_next_rule_) Recover();
  at_next_rule_ = false;
  return false;
}

// audit, then deny or allow, then owner.
bool RuleParser::ParseQualifiers(AppArmorStatement& statement) {
  int last = 0;
  while (true) {
    lexer_.SkipSpace();
    const size_t begin = lexer_.offset();
    const absl::string_view word = lexer_.PeekKeyword();
    int order = 0;
    if (word == "audit") order = 1;
    if (word == "deny" || word == "allow") order = 2;
    if (word == "owner") order = 3;
    if (order == 0) return true;
    lexer_.ReadKeyword();
    if (order <= last) {
      return Error("apparmor-syntax", begin, absl::StrCat("misplaced qualifier ", Quoted(word)),
                   "write each qualifier once: audit, then deny or allow, then owner");
    }
    last = order;
    if (word == "audit") statement.audit = true;
    if (word == "deny") statement.deny = true;
    if (word == "allow") statement.explicit_allow = true;
    if (word == "owner") statement.owner = true;
  }
}

bool RuleParser::ParseRule(AppArmorStatement& statement) {
  const size_t begin = lexer_.offset();
  if (lexer_.AtEnd()) return Unexpected("a rule");
  if (lexer_.Peek() == '{' || lexer_.Peek() == '}' || lexer_.Peek() == '^') {
    return RefuseStructure();
  }
  if (DefinesVariable()) {
    return Error("apparmor-structure", begin, absl::StrCat("definition of ", TokenAt(begin)),
                 "write the value where it is used: rules cannot define variables");
  }
  const absl::string_view word = lexer_.PeekKeyword();
  const char behind = lexer_.Peek(word.size());
  if (word == "file" && behind != '=') {
    lexer_.ReadKeyword();
    return ParseFileRule(*this, statement, true);
  }
  const RuleKeyword* keyword = FindRuleKeyword(word);
  if (keyword == nullptr) {
    if (!word.empty() && !LooksLikePermissions(word)) return RefuseWord(word);
    return ParseFileRule(*this, statement, false);
  }
  lexer_.ReadKeyword();
  statement.kind = keyword->kind;
  if (statement.owner && !keyword->may_have_owner) {
    return Error("apparmor-syntax", begin,
                 absl::StrCat("\"owner\" cannot qualify ", Quoted(word), " rules"),
                 "drop \"owner\": it is for rules about files");
  }
  if (keyword->needs_40 && !options_.allow_40) {
    Error("apparmor-needs-4.0", begin, absl::StrCat(Quoted(word), " rules need AppArmor 4.0"),
          "drop the rule; the profile would not load on older nodes");
    at_next_rule_ = keyword->parse(*this, statement) && EndOfRule(statement);
    return false;
  }
  return keyword->parse(*this, statement);
}

// "@{NAME} = ", "@{NAME} +=", "$name =".
bool RuleParser::DefinesVariable() const {
  RuleLexer ahead = lexer_;
  if (!ahead.Consume('@') && !ahead.Consume('$')) return false;
  const bool braces = ahead.Consume('{');
  while (absl::ascii_isalnum(ahead.Peek()) || ahead.Peek() == '_') {
    ahead.set_offset(ahead.offset() + 1);
  }
  if (braces && !ahead.Consume('}')) return false;
  ahead.SkipBlanksOnLine();
  return ahead.Peek() == '=' || ahead.LookingAt("+=");
}

// Something that begins or ends a block. Reports it once: the matching "}" is let pass.
bool RuleParser::RefuseStructure() {
  const size_t begin = lexer_.offset();
  at_next_rule_ = true;
  if (lexer_.Consume('}')) {
    if (reported_blocks_ > 0) {
      --reported_blocks_;
      return false;
    }
    return Error("apparmor-structure", begin, "\"}\" would close the profile",
                 "drop it: rules cannot open or close blocks");
  }
  const absl::string_view text = lexer_.text().substr(begin, kMaxHead);
  const size_t line_end = std::min(text.find('\n'), text.size());
  size_t brace = std::min(text.find('{'), line_end);
  while (brace < line_end && brace > 0 && text[brace - 1] == '@') {
    brace = std::min(text.find('{', brace + 1), line_end);
  }
  const std::string what =
      text[0] == '{' ? "\"{\" would open a block"
                     : absl::StrCat(TokenAt(begin), " would begin another profile or block");
  if (brace < line_end) {
    ++reported_blocks_;
    lexer_.set_offset(begin + brace + 1);
  } else {
    lexer_.set_offset(begin + line_end);
  }
  return Error("apparmor-structure", begin, what,
               "list the rules themselves: rules cannot open or close blocks");
}

// A word that begins no rule.
bool RuleParser::RefuseWord(absl::string_view word) {
  const size_t begin = lexer_.offset();
  if (word == "profile" || word == "hat" || word == "if" || word == "else") {
    return RefuseStructure();
  }
  if (word == "abi" || word == "alias") {
    return Error("apparmor-structure", begin,
                 absl::StrCat(Quoted(word), " belongs in front of a profile"),
                 "drop it: rules can only be rules");
  }
  if (word == "priority") {
    return Error("apparmor-priority", begin, "\"priority\" needs AppArmor 4.1",
                 "drop it; the profile would not load on older nodes");
  }
  if (word == "change_hat") {
    return Error("apparmor-syntax", begin, "there are no \"change_hat\" rules",
                 "drop it: a profile with hats allows changing to them");
  }
  if (word == "safe" || word == "unsafe") {
    return Error("apparmor-unknown-rule", begin,
                 absl::StrCat(Quoted(word), " in front of an exec rule is not read"),
                 word == "safe" ? "drop it and write the exec mode with a capital: Px, Cx, Ux"
                                : "drop it: px, cx and ux say the same");
  }
  if (word == "rlimit") {
    return Error("apparmor-syntax", begin, "\"rlimit\" without \"set\"",
                 "write set rlimit NAME <= VALUE");
  }
  const char behind = lexer_.Peek(word.size());
  if (behind == '/' || behind == '.') {
    return Error("apparmor-relative-path", begin,
                 absl::StrCat("path ", TokenAt(begin), " is not absolute"), "start it with \"/\"");
  }
  return Error("apparmor-unknown-rule", begin, absl::StrCat("unknown rule ", TokenAt(begin)),
               DidYouMean(word, AppArmorStatementWords(),
                          "begin with a path, with permissions or with the kind of a rule"));
}

bool RuleParser::RuleSeemsToBegin() const {
  const char c = lexer_.Peek();
  if (lexer_.AtEnd() || absl::StrContains("/\"}^#", c) || lexer_.LookingAt("@{")) return true;
  const absl::string_view word = lexer_.PeekKeyword();
  return Contains(AppArmorStatementWords(), word);
}

bool RuleParser::EndOfRule(const AppArmorStatement& statement) {
  size_t end = lexer_.offset();
  while (end > 0 && absl::StrContains(" \t\r\n", lexer_.text()[end - 1])) --end;
  // In these the AppArmor parser has comments, and a comma ends a word whatever follows.
  const bool relaxed = (statement.kind == Kind::kFile && statement.target.empty()) ||
                       statement.kind == Kind::kCapability;
  lexer_.SkipBlanks();
  const size_t comment = lexer_.offset();
  lexer_.SkipSpace();
  if (lexer_.offset() != comment && lexer_.Peek() == ',' && !relaxed) {
    return Error("apparmor-syntax", comment, "a comment in the middle of a rule",
                 "put the comment behind the comma");
  }
  if (lexer_.Consume(',')) {
    if (relaxed || lexer_.AtEnd() || absl::StrContains(" \t\r\n", lexer_.Peek())) return true;
    return Error("apparmor-syntax", lexer_.offset(),
                 absl::StrCat("no blank between \",\" and ", TokenAt(lexer_.offset())),
                 "write a blank behind the comma");
  }
  const size_t next = lexer_.offset();
  const TextPlace place = lexer_.Place(end);
  const bool new_line = lexer_.Place(next).line != place.line;
  if (RuleSeemsToBegin() || (new_line && LooksLikePermissions(lexer_.PeekKeyword()))) {
    Error("apparmor-missing-comma", end, "a rule does not end with a comma", "end it with \",\"");
    return true;
  }
  const absl::string_view before = lexer_.text().substr(0, end);
  const size_t word = before.find_last_of(" \t\r\n");
  const bool comma_inside =
      absl::StrContains(before.substr(word == absl::string_view::npos ? 0 : word + 1), ',');
  return Error("apparmor-syntax", next, absl::StrCat("unexpected ", TokenAt(next)),
               comma_inside ? "write a blank behind the comma that ends the rule before"
                            : "end the rule with \",\", or drop the word");
}

void RuleParser::Recover() {
  while (!lexer_.AtEnd()) {
    const char c = lexer_.Peek();
    const bool behind_blank = lexer_.offset() > 0 && IsBlank(lexer_.text()[lexer_.offset() - 1]);
    if (c == ',') {
      const char next = lexer_.Peek(1);
      lexer_.set_offset(lexer_.offset() + 1);
      if (lexer_.AtEnd() || IsBlank(next) || next == '\n' || next == '\r' || next == '#') return;
    } else if (c == '\n') {
      lexer_.SkipSpace();
      if (RuleSeemsToBegin() || LooksLikePermissions(lexer_.PeekKeyword())) return;
      if (!lexer_.AtEnd()) lexer_.set_offset(lexer_.offset() + 1);
    } else if (c == '"') {
      RuleWord word;
      LexProblem problem;
      const size_t begin = lexer_.offset();
      if (!lexer_.ReadWord(WordEnd::kRule, word, problem)) lexer_.set_offset(begin + 1);
    } else if (c == '}' && (reported_blocks_ > 0 || behind_blank)) {
      return;
    } else {
      lexer_.set_offset(lexer_.offset() + 1);
    }
  }
}

bool RuleParser::ParseInclude(AppArmorStatement& statement) {
  const size_t begin = lexer_.offset();
  const bool legacy = lexer_.Consume('#');
  lexer_.set_offset(lexer_.offset() + absl::string_view("include").size());
  if (!legacy && !IsBlank(lexer_.Peek())) return Unexpected("a blank behind \"include\"");
  lexer_.SkipBlanksOnLine();
  statement.kind = Kind::kInclude;
  bool if_exists = false;
  if (lexer_.PeekKeyword() == "if") {
    lexer_.ReadKeyword();
    lexer_.SkipBlanksOnLine();
    if (lexer_.ReadKeyword() != "exists") return Unexpected("\"exists\"");
    lexer_.SkipBlanksOnLine();
    if_exists = true;
  }
  const bool magic = lexer_.Peek() == '<';
  if (!magic && lexer_.Peek() != '"') return Unexpected("<FILE> or \"FILE\"");
  const absl::string_view text = lexer_.text();
  const size_t path_begin = lexer_.offset() + 1;
  const size_t path_end = text.find_first_of(magic ? ">\n" : "\"\n", path_begin);
  if (path_end == absl::string_view::npos || text[path_end] == '\n') {
    return Error("apparmor-syntax", lexer_.offset(), "an include is not closed on its line",
                 magic ? "end it with \">\"" : "end it with a quote");
  }
  const absl::string_view path = text.substr(path_begin, path_end - path_begin);
  lexer_.set_offset(path_end + 1);
  if (!options_.allow_include) {
    return Error("apparmor-structure", begin, absl::StrCat("include of ", Quoted(path)),
                 "copy the rules you need: rules cannot include files");
  }
  if (!CheckInclude(path, magic, begin)) return false;
  lexer_.SkipBlanksOnLine();
  if (lexer_.Peek() == ',') {
    return Error("apparmor-syntax", lexer_.offset(), "a comma behind an include", "drop it");
  }
  statement.body = absl::StrCat("include ", if_exists ? "if exists " : "", magic ? "<" : "\"", path,
                                magic ? ">" : "\"");
  return true;
}

bool RuleParser::CheckInclude(absl::string_view path, bool magic, size_t offset) {
  const auto is_strange = [](char c) {
    return !absl::ascii_isalnum(c) && !absl::StrContains("_-./+", c);
  };
  if (path.empty() || std::any_of(path.begin(), path.end(), is_strange)) {
    return Error("apparmor-include", offset, absl::StrCat("include of ", Quoted(path)),
                 "name a file by letters, digits and . _ - + /");
  }
  if (HasDotDot(path) || absl::StartsWith(path, "/")) {
    StrictError("apparmor-include", offset,
                absl::StrCat("include of ", Quoted(path), " leaves the include directory"),
                "include a file of <abstractions/>, or copy its rules");
    return diagnostics_.lenient();
  }
  if (magic && IncludeIsAllowed(path, options_)) return true;
  StrictError("apparmor-include", offset,
              absl::StrCat("include of ", Quoted(path), " is not one of the files allowed here"),
              magic ? "include a file of <abstractions/>, or copy its rules"
                    : absl::StrCat("write <", path, ">, or copy its rules"));
  return diagnostics_.lenient();
}

std::vector<AppArmorStatement> ParseAppArmorStatements(absl::string_view text,
                                                       absl::string_view field,
                                                       const AppArmorParseOptions& options,
                                                       Diagnostics& diagnostics) {
  std::vector<AppArmorStatement> statements;
  RuleParser parser(text, field, options, diagnostics);
  while (true) {
    parser.lexer().SkipSpace();
    if (parser.lexer().AtEnd() || parser.GivesUp()) return statements;
    AppArmorStatement statement;
    if (parser.ParseStatement(statement)) statements.push_back(std::move(statement));
  }
}

}  // namespace varmor
