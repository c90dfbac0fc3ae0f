#include "lib/compiler/apparmor/rule_parser.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/apparmor/aare.h"
#include "lib/compiler/apparmor/check_target.h"

namespace varmor {

bool RuleParser::Error(absl::string_view code, size_t offset, absl::string_view problem,
                       absl::string_view fix) {
  diagnostics_.Error(code, field_, problem, fix, lexer_.Place(offset));
  ++mistakes_;
  return false;
}

bool RuleParser::GivesUp() {
  constexpr size_t kMaxMistakes = 100;
  if (mistakes_ < kMaxMistakes) return false;
  Error("apparmor-syntax", lexer_.offset(),
        absl::StrCat("more than ", kMaxMistakes, " mistakes; the rest is not read"),
        "correct these first");
  return true;
}

bool RuleParser::StrictError(absl::string_view code, size_t offset, absl::string_view problem,
                             absl::string_view fix) {
  diagnostics_.StrictError(code, field_, problem, fix, lexer_.Place(offset));
  return false;
}

std::string RuleParser::TokenAt(size_t offset) const {
  if (offset >= lexer_.text().size()) return "the end of the rules";
  absl::string_view token = lexer_.text().substr(offset, 256);
  token = token.substr(0, token.find_first_of(" \t\r\n", 1));
  if (token.size() > 1) {
    while (token.size() > 1 && token.back() == ',') token.remove_suffix(1);
  }
  if (token == "\n" || token == "\r") return "the end of the line";
  return Quoted(token);
}

bool RuleParser::Unexpected(absl::string_view expected) {
  return Error("apparmor-syntax", lexer_.offset(),
               absl::StrCat("unexpected ", TokenAt(lexer_.offset())),
               absl::StrCat("expected ", expected));
}

bool RuleParser::ReadWord(WordEnd end, RuleWord& word) {
  LexProblem problem;
  if (lexer_.ReadWord(end, word, problem)) return true;
  return Error("apparmor-syntax", problem.offset, problem.problem, problem.fix);
}

RuleWords RuleParser::KnownVariables() const {
  RuleWords known = options_.variables;
  known.push_back("profile_name");
  if (!options_.tunables_global) return known;
  known.insert(known.end(), GlobalAppArmorVariables().begin(), GlobalAppArmorVariables().end());
  return known;
}

bool RuleParser::CheckVariables(const RuleWord& word) {
  const std::vector<std::string> names = AareVariables(word.text);
  if (names.empty()) return true;
  const RuleWords known = KnownVariables();
  for (const std::string& name : names) {
    if (Contains(known, name)) continue;
    const std::string nearest = NearestWord(name, known);
    std::string fix = "write the path out";
    // A whole profile; what else it includes is not read.
    if (options_.allow_include) {
      fix = absl::StrCat("define it in front of the profile, @{", name, "} = VALUE");
    }
    if (!nearest.empty()) fix = absl::StrCat("did you mean \"@{", nearest, "}\"?");
    if (Contains(GlobalAppArmorVariables(), name)) fix = "include <tunables/global> first";
    return Error("apparmor-unknown-variable", word.begin,
                 absl::StrCat("unknown variable \"@{", name, "}\""), fix);
  }
  return true;
}

bool RuleParser::CheckPattern(const RuleWord& word) {
  if (const auto problem = CheckAare(word.text)) {
    return Error("apparmor-pattern", word.begin,
                 absl::StrCat("pattern ", Quoted(word.text), ": ", problem->problem), problem->fix);
  }
  return CheckVariables(word);
}

bool RuleParser::ReadPattern(absl::string_view what, RuleWord& word) {
  if (lexer_.Peek() == '#') return Unexpected(absl::StrCat(what, "; put it in quotes"));
  if (!ReadWord(WordEnd::kRule, word)) return false;
  if (word.text.empty() && !word.quoted) return Unexpected(what);
  return CheckPattern(word);
}

bool RuleParser::ReadPath(RuleWord& word) {
  if (!ReadPattern("a path", word)) return false;
  const size_t brace = word.text.find('}');
  const char behind = brace + 1 < word.text.size() ? word.text[brace + 1] : '\0';
  if (!word.quoted && absl::StartsWith(word.text, "@{") && (behind == '=' || behind == '+')) {
    return Error("apparmor-syntax", word.begin,
                 absl::StrCat("path ", Quoted(word.text), " looks like a definition"),
                 "put it in quotes");
  }
  if (!word.quoted && absl::StartsWith(word.text, "@{") &&
      (word.text.size() < 3 || !absl::ascii_isalpha(word.text[2]))) {
    return Error("apparmor-syntax", word.begin,
                 absl::StrCat("path ", Quoted(word.text), " begins with \"@{\" and no name"),
                 "write a variable as @{NAME}");
  }
  if (absl::StartsWith(word.text, "/") || absl::StartsWith(word.text, "@{")) return true;
  std::string fix = "start it with \"/\"";
  if (absl::StartsWith(word.text, "@")) fix = "write a variable as @{NAME}";
  return Error("apparmor-relative-path", word.begin,
               absl::StrCat("path ", Quoted(word.text), " is not absolute"), fix);
}

bool RuleParser::ReadTarget(bool& present, RuleWord& word) {
  present = lexer_.ConsumeArrow();
  if (!present) return true;
  lexer_.SkipBlanks();
  if (lexer_.Peek() == '#') return Unexpected("a name behind \"->\"");
  if (!ReadWord(WordEnd::kRule, word)) return false;
  if (word.text.empty()) return Unexpected("a name behind \"->\"");
  return CheckVariables(word);
}

bool RuleParser::ReadCondition(bool& present, RuleCondition& condition) {
  present = false;
  condition = RuleCondition();
  condition.begin = lexer_.offset();
  condition.name = std::string(lexer_.ReadKeyword());
  if (condition.name.empty()) return true;
  lexer_.SkipBlanksOnLine();
  if (lexer_.Consume('=')) {
    lexer_.SkipBlanksOnLine();
  } else if (lexer_.PeekKeyword() == "in") {
    lexer_.ReadKeyword();
    lexer_.SkipBlanksOnLine();
    condition.in = true;
    if (lexer_.Peek() != '(') {
      lexer_.set_offset(condition.begin);
      return true;
    }
  } else {
    lexer_.set_offset(condition.begin);
    return true;
  }
  present = true;
  return ReadConditionValues(condition);
}

bool RuleParser::ReadConditionValues(RuleCondition& condition) {
  const std::string expected = absl::StrCat("a value for \"", condition.name, "\"");
  if (!lexer_.Consume('(')) {
    condition.values.emplace_back();
    if (!ReadWord(WordEnd::kRule, condition.values.back())) return false;
    if (condition.values.back().text.empty()) return Unexpected(expected);
    return true;
  }
  condition.parenthesised = true;
  while (true) {
    lexer_.SkipBlanks();
    if (lexer_.Consume(',')) continue;
    if (lexer_.Consume(')')) break;
    RuleWord value;
    if (lexer_.AtEnd()) return Unexpected("\")\"");
    if (!ReadWord(WordEnd::kList, value)) return false;
    if (value.text.empty()) return Unexpected("a value or \")\"");
    condition.values.push_back(value);
  }
  if (!condition.values.empty()) return true;
  return Error("apparmor-syntax", condition.begin,
               absl::StrCat("\"", condition.name, "\" has no values"),
               "write at least one, or drop the condition");
}

bool RuleParser::ReadConditions(std::vector<RuleCondition>& conditions) {
  while (true) {
    lexer_.SkipBlanks();
    bool present = false;
    RuleCondition condition;
    if (!ReadCondition(present, condition)) return false;
    if (!present) return true;
    conditions.push_back(std::move(condition));
  }
}

bool RuleParser::ReadPeerList(bool& present, std::vector<RuleCondition>& conditions) {
  present = false;
  lexer_.SkipBlanks();
  const size_t begin = lexer_.offset();
  if (lexer_.ReadKeyword() != "peer") {
    lexer_.set_offset(begin);
    return true;
  }
  lexer_.SkipBlanksOnLine();
  if (!lexer_.Consume('=')) return Unexpected("\"=\"");
  lexer_.SkipBlanksOnLine();
  if (!lexer_.Consume('(')) return Unexpected("conditions in parentheses, as in peer=(label=foo)");
  present = true;
  while (true) {
    lexer_.SkipBlanks();
    if (lexer_.Consume(',')) continue;
    if (lexer_.Consume(')')) break;
    RuleCondition condition;
    condition.begin = lexer_.offset();
    condition.name = std::string(lexer_.ReadKeyword());
    lexer_.SkipBlanksOnLine();
    if (condition.name.empty() || !lexer_.Consume('=')) return Unexpected("NAME=VALUE or \")\"");
    lexer_.SkipBlanksOnLine();
    if (lexer_.Peek() == '(') {
      if (!ReadConditionValues(condition)) return false;
    } else {
      condition.values.emplace_back();
      if (!ReadWord(WordEnd::kList, condition.values.back())) return false;
      if (condition.values.back().text.empty()) return Unexpected("a value");
    }
    conditions.push_back(std::move(condition));
  }
  if (!conditions.empty()) return true;
  return Error("apparmor-syntax", begin, "\"peer\" has no values",
               "write at least one, or drop the condition");
}

bool RuleParser::ReadAccess(absl::string_view rule, const RuleWords& known, RuleAccess& access) {
  lexer_.SkipBlanks();
  access.begin = lexer_.offset();
  auto check = [&](absl::string_view word, size_t offset) {
    if (Contains(known, word)) return true;
    return Error("apparmor-unknown-permission", offset,
                 absl::StrCat("unknown ", rule, " permission ", Quoted(word)),
                 DidYouMean(word, known, absl::StrCat("known are ", absl::StrJoin(known, ", "))));
  };
  if (!lexer_.Consume('(')) {
    bool is_condition = false;
    RuleCondition condition;
    const size_t begin = lexer_.offset();
    const absl::string_view word = lexer_.PeekKeyword();
    if (word.empty()) return true;
    // A condition is not for us.
    lexer_.ReadKeyword();
    lexer_.SkipBlanksOnLine();
    is_condition = lexer_.Peek() == '=' || lexer_.PeekKeyword() == "in";
    lexer_.set_offset(begin);
    if (is_condition) return true;
    lexer_.ReadKeyword();
    access.words.push_back(std::string(word));
    if (!check(word, begin)) return false;
    lexer_.SkipBlanks();
    if (!Contains(known, lexer_.PeekKeyword())) return true;
    return Error("apparmor-syntax", lexer_.offset(),
                 absl::StrCat("unexpected ", TokenAt(lexer_.offset())),
                 absl::StrCat("put several permissions in parentheses: ", rule, " (", word, ", ",
                              lexer_.PeekKeyword(), ")"));
  }
  bool ok = true;
  while (true) {
    lexer_.SkipBlanks();
    if (lexer_.Consume(',')) continue;
    if (lexer_.Consume(')')) return ok;
    const size_t begin = lexer_.offset();
    const absl::string_view word = lexer_.ReadKeyword();
    if (word.empty()) return Unexpected("a permission or \")\"");
    access.words.push_back(std::string(word));
    if (!check(word, begin)) ok = false;
  }
}

std::string PrintCondition(absl::string_view name, bool in,
                           const std::vector<std::string>& values) {
  const bool list = in || values.size() > 1;
  std::vector<std::string> printed;
  for (const std::string& value : values) {
    std::string word = PrintAppArmorPattern(value);
    if (list && absl::StrContains(word, ',') && word[0] != '"')
      word = absl::StrCat("\"", word, "\"");
    printed.push_back(std::move(word));
  }
  if (!list) return absl::StrCat(name, "=", printed.empty() ? "" : printed[0]);
  return absl::StrCat(name, in ? " in (" : "=(", absl::StrJoin(printed, ", "), ")");
}

std::string PrintAccess(const RuleWords& order, const std::vector<std::string>& words) {
  RuleWords sorted;
  for (const std::string& word : order) {
    if (Contains(words, word)) sorted.push_back(word);
  }
  if (sorted.empty()) return "";
  if (sorted.size() == 1) return absl::StrCat(" ", sorted[0]);
  return absl::StrCat(" (", absl::StrJoin(sorted, ", "), ")");
}

}  // namespace varmor
