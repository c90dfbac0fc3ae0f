// What the parsers of single rules share: where they are, how they report, how they go on.
// A detail of this directory; parse_statements.h and profile_text.h are the ways in.
//
// Whatever is accepted here must mean the same to the AppArmor parser, byte for byte: custom
// profiles are passed on as they are. That parser has comments between rules and in some rules
// only; where it has none, neither have we.
#ifndef LIB_COMPILER_APPARMOR_RULE_PARSER_H_
#define LIB_COMPILER_APPARMOR_RULE_PARSER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/apparmor/parse_statements.h"
#include "lib/compiler/apparmor/rule_lexer.h"
#include "lib/compiler/apparmor/rule_words.h"
#include "lib/compiler/apparmor/statement.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {

// "options=(ro, nodev)", "fstype in (ext4)", "peer=foo".
struct RuleCondition {
  std::string name;
  bool in = false;
  bool parenthesised = false;
  std::vector<RuleWord> values;
  size_t begin = 0;
};

// Permissions of a rule that are words: "(read, trace)".
struct RuleAccess {
  std::vector<std::string> words;
  size_t begin = 0;
};

class RuleParser {
 public:
  RuleParser(absl::string_view text, absl::string_view field, const AppArmorParseOptions& options,
             Diagnostics& diagnostics)
      : lexer_(text), field_(field), options_(options), diagnostics_(diagnostics) {}

  RuleLexer& lexer() { return lexer_; }
  const AppArmorParseOptions& options() const { return options_; }
  Diagnostics& diagnostics() { return diagnostics_; }
  absl::string_view field() const { return field_; }

  // Reads one rule with its comma, or one include. False after a mistake; reading can then go on,
  // as the offset has moved to where the next rule seems to begin. Never called at the end.
  bool ParseStatement(AppArmorStatement& statement);

  // These report a mistake and return false, so that a parser can return them.
  bool Error(absl::string_view code, size_t offset, absl::string_view problem,
             absl::string_view fix);
  bool StrictError(absl::string_view code, size_t offset, absl::string_view problem,
                   absl::string_view fix);
  // "unexpected X": what comes next is not `expected`.
  bool Unexpected(absl::string_view expected);

  // A word, which may be missing (empty and unquoted).
  bool ReadWord(WordEnd end, RuleWord& word);
  // A path pattern of a file rule: present, absolute, well formed.
  bool ReadPath(RuleWord& word);
  // Any pattern that is neither missing nor malformed; `what` is for the message.
  bool ReadPattern(absl::string_view what, RuleWord& word);
  bool CheckPattern(const RuleWord& word);
  bool CheckVariables(const RuleWord& word);
  // "-> name", if an arrow comes next. `present` tells.
  bool ReadTarget(bool& present, RuleWord& word);

  // One condition, if one comes next.
  bool ReadCondition(bool& present, RuleCondition& condition);
  // "value" or "(value, value)".
  bool ReadConditionValues(RuleCondition& condition);
  // Conditions up to something else.
  bool ReadConditions(std::vector<RuleCondition>& conditions);
  // "peer=(...)": the conditions in parentheses, if this comes next.
  bool ReadPeerList(bool& present, std::vector<RuleCondition>& conditions);
  // "read", "(read, write)" or nothing. Words that are not among `known` and not conditions are
  // errors.
  bool ReadAccess(absl::string_view rule, const RuleWords& known, RuleAccess& access);

  // To where the next rule seems to begin.
  void Recover();
  // True after very many mistakes, and then reports that the rest is not read.
  bool GivesUp();
  // Whether a "}" that comes next closes a block that was reported as a mistake.
  bool InReportedBlock() const { return reported_blocks_ > 0; }

  // The text at `offset` up to a blank, for messages.
  std::string TokenAt(size_t offset) const;

 private:
  bool ParseQualifiers(AppArmorStatement& statement);
  bool ParseRule(AppArmorStatement& statement);
  bool ParseInclude(AppArmorStatement& statement);
  bool CheckInclude(absl::string_view path, bool magic, size_t offset);
  bool DefinesVariable() const;
  bool RefuseStructure();
  bool RefuseWord(absl::string_view keyword);
  // The comma.
  bool EndOfRule(const AppArmorStatement& statement);

  bool RuleSeemsToBegin() const;
  RuleWords KnownVariables() const;

  RuleLexer lexer_;
  absl::string_view field_;
  const AppArmorParseOptions& options_;
  Diagnostics& diagnostics_;
  // Blocks that were reported when they opened: their "}" is not reported again.
  int reported_blocks_ = 0;
  // Set after a mistake when nothing has to be skipped.
  bool at_next_rule_ = false;
  size_t mistakes_ = 0;
};

// The parsers of single rules, called behind the qualifiers; those that begin with a keyword,
// behind it. They leave the comma.
bool ParseFileRule(RuleParser& parser, AppArmorStatement& statement, bool file_keyword);
bool ParseLinkRule(RuleParser& parser, AppArmorStatement& statement);
bool ParseCapabilityRule(RuleParser& parser, AppArmorStatement& statement);
bool ParseNetworkRule(RuleParser& parser, AppArmorStatement& statement);
bool ParseMountRule(RuleParser& parser, AppArmorStatement& statement);  // also remount, umount
bool ParsePivotRootRule(RuleParser& parser, AppArmorStatement& statement);
bool ParsePtraceRule(RuleParser& parser, AppArmorStatement& statement);
bool ParseSignalRule(RuleParser& parser, AppArmorStatement& statement);
bool ParseDbusRule(RuleParser& parser, AppArmorStatement& statement);
bool ParseUnixRule(RuleParser& parser, AppArmorStatement& statement);
bool ParseRlimitRule(RuleParser& parser, AppArmorStatement& statement);
bool ParseChangeProfileRule(RuleParser& parser, AppArmorStatement& statement);
// userns, io_uring, mqueue, all.
bool ParseAppArmor40Rule(RuleParser& parser, AppArmorStatement& statement);

// Whether a word begins like a permission list: all of its letters are permissions.
bool LooksLikePermissions(absl::string_view word);

// "name=value", "name=(a, b)", "name in (a, b)".
std::string PrintCondition(absl::string_view name, bool in, const std::vector<std::string>& values);
// " read" or " (read, trace)", in the order of `order`; "" for none.
std::string PrintAccess(const RuleWords& order, const std::vector<std::string>& words);

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_RULE_PARSER_H_
