#include "lib/compiler/apparmor/statement_parts.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/apparmor/rule_parser.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;

// Reads the body that the parser printed; what it cannot read, the parser did not print.
class PartsReader {
 public:
  explicit PartsReader(absl::string_view body) : parser_(body, "", options_, diagnostics_) {}

  AppArmorStatementParts Read(Kind kind) {
    lexer().ReadKeyword();
    switch (kind) {
      case Kind::kFile:
        parts_.subset = absl::StartsWith(lexer().text(), "link subset ");
        break;
      case Kind::kCapability:
      case Kind::kNetwork:
        for (absl::string_view word : absl::StrSplit(lexer().text(), ' ')) {
          parts_.words.push_back(std::string(word));
        }
        parts_.words.erase(parts_.words.begin());
        break;
      case Kind::kPtrace:
      case Kind::kSignal:
      case Kind::kUnix:
      case Kind::kDbus:
        ReadAccess();
        ReadConditions();
        break;
      case Kind::kMount:
      case Kind::kRemount:
      case Kind::kUmount:
      case Kind::kPivotRoot:
        ReadConditions();
        ReadPath();
        ReadTarget();
        break;
      case Kind::kChangeProfile:
        SkipMode();
        ReadPath();
        ReadTarget();
        break;
      case Kind::kInclude:
        ReadInclude();
        break;
      default:
        break;
    }
    return std::move(parts_);
  }

 private:
  RuleLexer& lexer() { return parser_.lexer(); }

  // "read" or "(read, trace)".
  void ReadAccess() {
    lexer().SkipBlanks();
    const size_t begin = lexer().offset();
    if (!lexer().Consume('(')) {
      const std::string word(lexer().ReadKeyword());
      if (lexer().Peek() == '=') {
        lexer().set_offset(begin);
      } else if (!word.empty()) {
        parts_.words.push_back(word);
      }
      return;
    }
    while (!lexer().AtEnd() && !lexer().Consume(')')) {
      const std::string word(lexer().ReadKeyword());
      if (!word.empty()) parts_.words.push_back(word);
      if (word.empty()) lexer().set_offset(lexer().offset() + 1);
    }
  }

  void Add(const RuleCondition& condition, absl::string_view prefix = "") {
    AppArmorCondition out;
    out.name = absl::StrCat(prefix, condition.name);
    out.in = condition.in;
    for (const RuleWord& value : condition.values) out.values.push_back(value.text);
    parts_.conditions.push_back(std::move(out));
  }

  void ReadConditions() {
    while (true) {
      lexer().SkipBlanks();
      if (lexer().LookingAt("peer=(")) {
        bool present = false;
        std::vector<RuleCondition> peer;
        if (!parser_.ReadPeerList(present, peer)) return;
        for (const RuleCondition& condition : peer) Add(condition, "peer.");
        continue;
      }
      bool present = false;
      RuleCondition condition;
      if (!parser_.ReadCondition(present, condition) || !present) return;
      Add(condition);
    }
  }

  void SkipMode() {
    lexer().SkipBlanks();
    const absl::string_view word = lexer().PeekKeyword();
    if (word == "safe" || word == "unsafe") lexer().ReadKeyword();
  }

  void ReadPath() {
    lexer().SkipBlanks();
    if (lexer().AtEnd() || lexer().LookingAt("->")) return;
    RuleWord word;
    parts_.has_path = parser_.ReadWord(WordEnd::kRule, word);
    parts_.path = word.text;
  }

  void ReadTarget() {
    lexer().SkipBlanks();
    if (!lexer().ConsumeArrow()) return;
    lexer().SkipBlanks();
    RuleWord word;
    parts_.has_target = parser_.ReadWord(WordEnd::kRule, word);
    parts_.target = word.text;
  }

  // "include if exists <abstractions/base>".
  void ReadInclude() {
    absl::string_view rest = lexer().text().substr(lexer().offset());
    parts_.include_if_exists = absl::StartsWith(rest, " if exists ");
    const size_t begin = rest.find_first_of("<\"");
    if (begin == absl::string_view::npos || rest.size() < begin + 2) return;
    parts_.include = std::string(rest.substr(begin + 1, rest.size() - begin - 2));
  }

  AppArmorParseOptions options_;
  Diagnostics diagnostics_;
  RuleParser parser_;
  AppArmorStatementParts parts_;
};

}  // namespace

const AppArmorCondition* AppArmorStatementParts::Find(absl::string_view name) const {
  for (const AppArmorCondition& condition : conditions) {
    if (condition.name == name) return &condition;
  }
  return nullptr;
}

AppArmorStatementParts PartsOf(const AppArmorStatement& statement) {
  return PartsReader(statement.body).Read(statement.kind);
}

}  // namespace varmor
