#include "lib/compiler/apparmor/profile_text.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/apparmor/aare.h"
#include "lib/compiler/apparmor/check_target.h"
#include "lib/compiler/apparmor/rule_parser.h"

namespace varmor {
namespace {

// The kernel knows one level, the parser more.
constexpr int kMaxDepth = 8;

// Flags that exclude each other have the same group; 0 excludes nothing.
struct ProfileFlag {
  const char* word;
  int group;
};

constexpr ProfileFlag kProfileFlags[] = {
    {"audit", 0},
    {"enforce", 1},
    {"complain", 1},
    {"kill", 1},
    {"unconfined", 1},
    {"chroot_relative", 2},
    {"namespace_relative", 2},
    {"mediate_deleted", 3},
    {"delegate_deleted", 3},
    {"attach_disconnected", 4},
    {"no_attach_disconnected", 4},
    {"chroot_attach", 5},
    {"chroot_no_attach", 5},
};

RuleWords ProfileFlagWords() {
  RuleWords words;
  for (const ProfileFlag& flag : kProfileFlags) words.push_back(flag.word);
  return words;
}

int FlagGroup(absl::string_view word) {
  for (const ProfileFlag& flag : kProfileFlags) {
    if (word == flag.word) return flag.group;
  }
  return -1;
}

class ProfileTextParser {
 public:
  ProfileTextParser(absl::string_view text, absl::string_view field,
                    const AppArmorParseOptions& options, Diagnostics& diagnostics)
      : body_includes_(options.allowed_includes),
        options_(options),
        parser_(text, field, options_, diagnostics),
        lexer_(parser_.lexer()) {
    options_.allow_include = true;
    options_.tunables_global = false;
    // In front of a profile only definitions make sense.
    options_.allowed_includes = {"tunables/*"};
  }

  // False after a mistake that leaves no profile to speak of.
  bool Parse(AppArmorBlock& profile) {
    if (!ParsePreamble()) return false;
    options_.allowed_includes = body_includes_;
    if (!ParseBlock(profile, 0)) return false;
    lexer_.SkipSpace();
    if (lexer_.AtEnd()) return true;
    const bool closes = lexer_.Peek() == '}';
    return parser_.Error(
        "apparmor-structure", lexer_.offset(),
        absl::StrCat(parser_.TokenAt(lexer_.offset()), " behind the end of the profile"),
        closes ? "drop it: the profile is closed already"
               : "keep one profile; further profiles belong inside it or in policies of their own");
  }

  // Only what stands in front of a profile, which need not follow.
  void ParseOnlyPreamble() {
    preamble_only_ = true;
    options_.tunables_global = true;
    ParsePreamble();
  }

  const std::vector<std::string>& variables() const { return options_.variables; }
  const std::vector<AppArmorPreambleItem>& preamble() const { return preamble_; }

 private:
  // Up to the profile. True when there seems to be one.
  bool ParsePreamble() {
    while (true) {
      lexer_.SkipSpace();
      const absl::string_view word = lexer_.PeekKeyword();
      if (parser_.GivesUp()) return false;
      if (lexer_.AtEnd() && preamble_only_) return false;
      if (lexer_.AtEnd()) {
        return parser_.Error("apparmor-structure", lexer_.offset(), "the text holds no profile",
                             "write profile NAME { RULES }");
      }
      if (lexer_.Peek() == '#' || word == "include") {
        AppArmorPreambleItem item;
        if (!parser_.ParseStatement(item.include)) continue;
        if (absl::StrContains(item.include.body, "tunables/")) options_.tunables_global = true;
        preamble_.push_back(std::move(item));
      } else if (word == "abi") {
        if (!ParseAbi()) lexer_.SkipLine();
      } else if (word == "alias") {
        if (!ParseAlias()) lexer_.SkipLine();
      } else if (lexer_.Peek() == '@') {
        if (!ParseVariable()) lexer_.SkipLine();
      } else {
        return true;
      }
    }
  }

  // Reading goes on without the comma.
  void EndOfItem(absl::string_view what) {
    const size_t end = lexer_.offset();
    lexer_.SkipBlanks();
    if (lexer_.Consume(',')) return;
    parser_.Error("apparmor-missing-comma", end,
                  absl::StrCat(Quoted(what), " does not end with a comma"), "end it with \",\"");
  }

  bool ParseAbi() {
    const size_t begin = lexer_.offset();
    lexer_.ReadKeyword();
    lexer_.SkipBlanksOnLine();
    const bool magic = lexer_.Consume('<');
    if (!magic && !lexer_.Consume('"')) return parser_.Unexpected("<abi/3.0>");
    const size_t path_begin = lexer_.offset();
    while (!lexer_.AtEnd() && !absl::StrContains(">\"\n", lexer_.Peek())) {
      lexer_.set_offset(lexer_.offset() + 1);
    }
    const absl::string_view path = lexer_.text().substr(path_begin, lexer_.offset() - path_begin);
    if (!lexer_.Consume(magic ? '>' : '"')) return parser_.Unexpected("the end of the ABI's name");
    const bool plain = std::all_of(path.begin(), path.end(), [](char c) {
      return absl::ascii_isalnum(c) || absl::StrContains("_-./", c);
    });
    if (!magic || !plain || !absl::StartsWith(path, "abi/") || absl::StrContains(path, "..")) {
      parser_.StrictError("apparmor-include", begin, absl::StrCat("ABI file ", Quoted(path)),
                          "write abi <abi/3.0>,");
    }
    EndOfItem("abi");
    return true;
  }

  bool ParseAlias() {
    lexer_.ReadKeyword();
    RuleWord from;
    RuleWord to;
    lexer_.SkipBlanks();
    if (!parser_.ReadPath(from)) return false;
    lexer_.SkipBlanks();
    if (!lexer_.ConsumeArrow()) return parser_.Unexpected("\"->\"");
    lexer_.SkipBlanks();
    if (!parser_.ReadPath(to)) return false;
    EndOfItem("alias");
    AppArmorPreambleItem item;
    item.kind = AppArmorPreambleItem::Kind::kAlias;
    item.name = from.text;
    item.values = {to.text};
    preamble_.push_back(std::move(item));
    return true;
  }

  // "@{NAME} = VALUE VALUE" or "+=". Ends with the line.
  bool ParseVariable() {
    const size_t begin = lexer_.offset();
    lexer_.Consume('@');
    std::string name;
    if (lexer_.Consume('{')) {
      while (absl::ascii_isalnum(lexer_.Peek()) || lexer_.Peek() == '_') {
        name.push_back(lexer_.Peek());
        lexer_.set_offset(lexer_.offset() + 1);
      }
    }
    if (name.empty() || !absl::ascii_isalpha(name[0]) || !lexer_.Consume('}')) {
      return parser_.Error("apparmor-syntax", begin,
                           absl::StrCat("definition of ", parser_.TokenAt(begin)),
                           "write @{NAME} = VALUE; names are letters, digits and _");
    }
    lexer_.SkipBlanksOnLine();
    const bool adds = lexer_.Consume('+');
    if (!lexer_.Consume('=')) return parser_.Unexpected("\"=\" or \"+=\"");
    const bool known = Contains(options_.variables, name);
    if (!adds && known) {
      return parser_.Error("apparmor-syntax", begin,
                           absl::StrCat("variable \"@{", name, "}\" is defined twice"),
                           "write += to add values");
    }
    if (adds && !known && !options_.tunables_global) {
      return parser_.Error("apparmor-syntax", begin,
                           absl::StrCat("variable \"@{", name, "}\" is not defined yet"),
                           "write = to define it");
    }
    if (!known) options_.variables.push_back(name);
    AppArmorPreambleItem item;
    item.kind = AppArmorPreambleItem::Kind::kVariable;
    item.name = name;
    item.adds = adds;
    if (!ReadValues(begin, item.values)) return false;
    preamble_.push_back(std::move(item));
    return true;
  }

  bool ReadValues(size_t begin, std::vector<std::string>& values) {
    while (true) {
      lexer_.SkipBlanksOnLine();
      const char c = lexer_.Peek();
      const bool line_ends = lexer_.AtEnd() || c == '\n' || c == '\r' || c == '#';
      if (line_ends && !values.empty()) {
        lexer_.SkipLine();
        return true;
      }
      RuleWord value;
      if (line_ends || !parser_.ReadWord(WordEnd::kRule, value)) {
        return line_ends && parser_.Unexpected("a value");
      }
      if (value.text.empty() && !value.quoted) return parser_.Unexpected("a value");
      if (absl::EndsWith(value.text, "\\")) {
        return parser_.Error("apparmor-syntax", begin, "a definition over several lines",
                             "write further values with +=");
      }
      if (!CheckValue(value)) return false;
      values.push_back(value.text);
    }
  }

  // Variables may be defined below the line that uses them.
  bool CheckValue(const RuleWord& value) {
    const AppArmorParseOptions saved = options_;
    for (const std::string& name : AareVariables(value.text)) options_.variables.push_back(name);
    const bool ok = parser_.CheckPattern(value);
    options_.variables = saved.variables;
    return ok;
  }

  // A profile, child profile or hat, up to its closing brace.
  bool ParseBlock(AppArmorBlock& block, int depth) {
    if (depth > kMaxDepth) {
      return parser_.Error("apparmor-structure", lexer_.offset(), "too many profiles in profiles",
                           "write child profiles side by side");
    }
    const size_t begin = lexer_.offset();
    if (!ParseHead(block, depth)) return false;
    block.body_begin = lexer_.offset();
    while (true) {
      lexer_.SkipSpace();
      if (lexer_.AtEnd()) {
        return parser_.Error("apparmor-structure", begin,
                             absl::StrCat("profile ", Quoted(block.name), " is not closed"),
                             "end it with \"}\"");
      }
      if (parser_.GivesUp()) return false;
      if (lexer_.Peek() == '}' && !parser_.InReportedBlock()) {
        block.body_end = lexer_.offset();
        lexer_.Consume('}');
        return true;
      }
      if (BlockBegins()) {
        AppArmorBlock child;
        if (!ParseBlock(child, depth + 1)) return false;
        AddChild(block, std::move(child));
        continue;
      }
      AppArmorStatement statement;
      if (!parser_.ParseStatement(statement)) continue;
      WarnAboutInclude(statement);
      block.statements.push_back(std::move(statement));
    }
  }

  void WarnAboutInclude(const AppArmorStatement& statement) {
    if (statement.kind != AppArmorStatement::Kind::kInclude || options_.tunables_global) return;
    parser_.diagnostics().Warning(
        "apparmor-include", parser_.field(),
        absl::StrCat(Quoted(statement.body), " without the variables of tunables/global"),
        "write include <tunables/global> in front of the profile", statement.place);
  }

  void AddChild(AppArmorBlock& block, AppArmorBlock child) {
    for (const AppArmorBlock& other : block.children) {
      if (other.name != child.name) continue;
      parser_.Error("apparmor-structure", child.name_begin,
                    absl::StrCat("two child profiles are called ", Quoted(child.name)),
                    "rename one of them");
    }
    block.children.push_back(std::move(child));
  }

  // "profile" or "hat" as a word of its own: "profile1" is none, "profile/x" is.
  bool AtBlockKeyword(absl::string_view keyword) const {
    return lexer_.PeekKeyword() == keyword && !absl::ascii_isdigit(lexer_.Peek(keyword.size()));
  }

  bool BlockBegins() const {
    return lexer_.Peek() == '^' || AtBlockKeyword("profile") || AtBlockKeyword("hat");
  }

  // "profile NAME [ATTACHMENT] [xattrs=(...)] [flags=(...)] {"
  bool ParseHead(AppArmorBlock& block, int depth) {
    const size_t begin = lexer_.offset();
    bool keyword = AtBlockKeyword("profile");
    if (lexer_.Peek() == '^' || AtBlockKeyword("hat")) {
      block.is_hat = true;
      keyword = true;
      if (lexer_.Consume('^')) {
        if (IsBlank(lexer_.Peek())) return parser_.Unexpected("the hat's name right behind \"^\"");
      } else {
        lexer_.ReadKeyword();
      }
    } else if (keyword) {
      lexer_.ReadKeyword();
    }
    if (block.is_hat && depth == 0) {
      return parser_.Error("apparmor-structure", begin, "a hat outside of a profile",
                           "write it inside the profile it belongs to");
    }
    lexer_.SkipBlanksOnLine();
    if (!ReadName(block, keyword)) return false;
    if (!ReadAttachment(block) || !ReadConditions(block) || !OpenBody(block)) return false;
    if (depth == 0 && !block.attachment.empty()) WarnAboutAttachment(block);
    return true;
  }

  bool ReadName(AppArmorBlock& block, bool keyword) {
    RuleWord name;
    if (!parser_.ReadWord(WordEnd::kRule, name)) return false;
    if (name.text.empty() || name.text == "{") {
      lexer_.set_offset(name.begin);
      return parser_.Unexpected("the name of a profile");
    }
    block.name = name.text;
    block.name_begin = name.begin;
    block.name_end = name.end;
    block.has_keyword = keyword;
    if (!keyword && name.text[0] != '/') {
      return parser_.Error("apparmor-structure", name.begin,
                           absl::StrCat("unexpected ", parser_.TokenAt(name.begin)),
                           "write profile NAME { RULES }");
    }
    const bool foreign = name.text[0] == ':' || absl::StrContains(name.text, "@{") ||
                         (name.text[0] != '/' && absl::StrContains(name.text, "//"));
    if (foreign) {
      return parser_.Error("apparmor-structure", name.begin,
                           absl::StrCat("profile name ", Quoted(name.text),
                                        " names a namespace, a child or a variable"),
                           "write a plain name");
    }
    return parser_.CheckPattern(name);
  }

  bool ReadAttachment(AppArmorBlock& block) {
    lexer_.SkipSpace();
    if (absl::StrContains("/\"@", lexer_.Peek()) && !lexer_.AtEnd()) {
      RuleWord path;
      if (!parser_.ReadPath(path)) return false;
      block.attachment = path.text;
      lexer_.SkipSpace();
    } else if (block.name[0] == '/') {
      block.attachment = block.name;
    }
    return true;
  }

  void WarnAboutAttachment(const AppArmorBlock& block) {
    parser_.diagnostics().Warning(
        "apparmor-attachment", parser_.field(),
        absl::StrCat("profile ", Quoted(block.name),
                     " attaches to every process on the node that executes ",
                     Quoted(block.attachment)),
        "name the profile without a path", lexer_.Place(block.name_begin));
  }

  bool ReadConditions(AppArmorBlock& block) {
    bool has_flags = false;
    bool has_xattrs = false;
    while (!has_flags) {
      lexer_.SkipSpace();
      bool present = false;
      RuleCondition condition;
      if (lexer_.Peek() == '(') {
        // "(complain)" without "flags=".
        condition.name = "flags";
        condition.begin = lexer_.offset();
        present = true;
        if (!parser_.ReadConditionValues(condition)) return false;
      } else if (!parser_.ReadCondition(present, condition)) {
        return false;
      }
      if (!present) return true;
      if (condition.name == "xattrs" && !has_xattrs && !condition.in) {
        has_xattrs = true;
        for (const RuleWord& value : condition.values) block.xattrs.push_back(value.text);
        continue;
      }
      if (condition.name != "flags" || condition.in || !condition.parenthesised) {
        lexer_.set_offset(condition.begin);
        return parser_.Unexpected("xattrs=(...), flags=(...) or \"{\"");
      }
      has_flags = true;
      if (!TakeFlags(condition, block)) return false;
    }
    return true;
  }

  bool TakeFlags(const RuleCondition& condition, AppArmorBlock& block) {
    bool ok = true;
    for (const RuleWord& value : condition.values) {
      const int group = FlagGroup(value.text);
      if (group < 0) {
        ok = parser_.Error("apparmor-unknown-flag", value.begin,
                           absl::StrCat("unknown profile flag ", Quoted(value.text)),
                           DidYouMean(value.text, ProfileFlagWords(), "see apparmor.d(5)"));
        continue;
      }
      for (const std::string& other : block.flags) {
        if (group == 0 || FlagGroup(other) != group || other == value.text) continue;
        ok = parser_.Error("apparmor-flag-conflict", value.begin,
                           absl::StrCat("profile flags ", Quoted(other), " and ",
                                        Quoted(value.text), " exclude each other"),
                           "keep one");
      }
      if (!Contains(block.flags, value.text)) block.flags.push_back(value.text);
    }
    return ok;
  }

  bool OpenBody(const AppArmorBlock& block) {
    lexer_.SkipSpace();
    if (lexer_.Consume('{')) return true;
    return parser_.Unexpected(absl::StrCat("\"{\" behind the name ", Quoted(block.name)));
  }

  std::vector<std::string> body_includes_;
  std::vector<AppArmorPreambleItem> preamble_;
  bool preamble_only_ = false;
  // Changes as the text defines variables; parser_ refers to it.
  AppArmorParseOptions options_;
  RuleParser parser_;
  RuleLexer& lexer_;
};

}  // namespace

std::string AppArmorProfileText::WithName(absl::string_view name) const {
  return WithNameAndAppendix(name, "");
}

std::string AppArmorProfileText::WithBodyAppendix(absl::string_view rules) const {
  const std::string before = text_.substr(0, profile_.body_end);
  const std::string behind = text_.substr(profile_.body_end);
  if (rules.empty()) return text_;
  // The line of the brace may hold the last rule.
  const size_t line_begin = before.find_last_of('\n') + 1;
  const bool brace_alone =
      before.find_first_not_of(" \t", line_begin) == std::string::npos && line_begin > 0;
  return absl::StrCat(brace_alone ? before.substr(0, line_begin) : absl::StrCat(before, "\n"),
                      rules, absl::EndsWith(rules, "\n") ? "" : "\n",
                      brace_alone ? before.substr(line_begin) : "", behind);
}

std::string AppArmorProfileText::WithNameAndAppendix(absl::string_view name,
                                                     absl::string_view rules) const {
  // Back to front, so that the first change does not move the second.
  std::string text = WithBodyAppendix(rules);
  return absl::StrCat(text.substr(0, profile_.name_begin), profile_.has_keyword ? "" : "profile ",
                      PrintAppArmorPattern(name), text.substr(profile_.name_end));
}

std::optional<AppArmorProfileText> ParseAppArmorProfileText(absl::string_view text,
                                                            absl::string_view field,
                                                            const AppArmorParseOptions& options,
                                                            Diagnostics& diagnostics) {
  // The AppArmor parser wants a newline behind a comment.
  std::string whole(text);
  if (!absl::EndsWith(whole, "\n")) whole.push_back('\n');
  Diagnostics own(diagnostics.lenient());
  ProfileTextParser parser(whole, field, options, own);
  AppArmorBlock profile;
  const bool ok = parser.Parse(profile) && !own.HasErrors();
  for (const Diagnostic& diagnostic : own.list()) diagnostics.Add(diagnostic);
  if (!ok) return std::nullopt;
  AppArmorProfileText result(std::move(whole), std::move(profile));
  result.set_variables(parser.variables());
  result.set_preamble(parser.preamble());
  return result;
}

std::vector<AppArmorPreambleItem> ParseAppArmorPreamble(absl::string_view text,
                                                        absl::string_view field,
                                                        const AppArmorParseOptions& options,
                                                        Diagnostics& diagnostics) {
  const std::string whole = absl::StrCat(text, "\n");
  ProfileTextParser parser(whole, field, options, diagnostics);
  parser.ParseOnlyPreamble();
  return parser.preamble();
}

}  // namespace varmor
