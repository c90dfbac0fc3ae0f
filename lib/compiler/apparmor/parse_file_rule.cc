// Rules about files: "/path rw", "rw /path", "file", "link /a -> /b".
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/apparmor/aare.h"
#include "lib/compiler/apparmor/check_target.h"
#include "lib/compiler/apparmor/rule_parser.h"

namespace varmor {
namespace {

constexpr absl::string_view kPermissionOrder = "rwalkm";
constexpr char kPermissionHelp[] =
    "permissions are r, w, a, l, k, m and, for exec, ix, px, cx, ux and their variants; x in deny "
    "rules";

struct FilePermissions {
  std::string letters;
  std::string exec;
};

// The exec mode at the front of `token`: "Pix" of "Pixr". Empty if there is none.
absl::string_view ExecMode(absl::string_view token) {
  auto at = [token](size_t i) { return i < token.size() ? absl::ascii_tolower(token[i]) : '\0'; };
  size_t n = 0;
  if (at(n) == 'p' || at(n) == 'c') ++n;
  if (at(n) == 'i' || at(n) == 'u') ++n;
  return at(n) == 'x' ? token.substr(0, n + 1) : absl::string_view();
}

// "PIX" to "Pix": a capital at the front asks for a clean environment.
std::string CanonicalExec(absl::string_view mode) {
  std::string out = absl::AsciiStrToLower(mode);
  const bool clean = absl::ascii_isupper(mode[0]) && out != "ix" && out != "x";
  if (!clean) return out;
  out[0] = absl::ascii_toupper(out[0]);
  if (out.size() == 3 && out[1] == 'u') out[1] = 'U';
  return out;
}

class PermissionReader {
 public:
  PermissionReader(RuleParser& parser, absl::string_view token, size_t offset, bool deny)
      : parser_(parser), token_(token), offset_(offset), deny_(deny) {}

  bool Read(FilePermissions& permissions) {
    for (size_t i = 0; i < token_.size();) {
      const absl::string_view mode = ExecMode(token_.substr(i));
      if (!mode.empty()) {
        if (!AddExec(mode, i)) return false;
        i += mode.size();
        continue;
      }
      const char letter = absl::ascii_tolower(token_[i]);
      if (!absl::StrContains(kPermissionOrder, letter)) return Unknown(i);
      letters_.push_back(letter);
      ++i;
    }
    if (absl::StrContains(letters_, 'w') && absl::StrContains(letters_, 'a')) {
      return parser_.Error("apparmor-permission-conflict", offset_,
                           absl::StrCat("permissions ", Quoted(token_), " hold both w and a"),
                           "drop \"a\": writing includes appending");
    }
    for (const char letter : kPermissionOrder) {
      if (absl::StrContains(letters_, letter)) permissions.letters.push_back(letter);
    }
    permissions.exec = exec_;
    return true;
  }

 private:
  bool AddExec(absl::string_view mode, size_t i) {
    const std::string exec = CanonicalExec(mode);
    if (deny_ && exec != "x") {
      return parser_.Error("apparmor-permission-conflict", offset_ + i,
                           absl::StrCat("exec mode ", Quoted(mode), " in a deny rule"),
                           "write x: a denial has no mode");
    }
    if (!deny_ && exec == "x") {
      return parser_.Error("apparmor-permission-conflict", offset_ + i,
                           "\"x\" does not say how to execute",
                           "write ix, px, cx or ux, or deny the rule");
    }
    if (!exec_.empty() && exec_ != exec) {
      return parser_.Error("apparmor-permission-conflict", offset_ + i,
                           absl::StrCat("permissions ", Quoted(token_), " hold two exec modes"),
                           "choose one");
    }
    exec_ = exec;
    return true;
  }

  bool Unknown(size_t i) {
    return parser_.Error(
        "apparmor-unknown-permission", offset_ + i,
        absl::StrCat("unknown permission ", Quoted(token_.substr(i, 1)), " in ", Quoted(token_)),
        kPermissionHelp);
  }

  RuleParser& parser_;
  absl::string_view token_;
  size_t offset_;
  bool deny_;
  std::string letters_;
  std::string exec_;
};

bool ReadPermissions(RuleParser& parser, bool deny, FilePermissions& permissions) {
  RuleLexer& lexer = parser.lexer();
  const size_t begin = lexer.offset();
  const absl::string_view text = lexer.text();
  size_t end = text.find_first_of(" \t\r\n,", begin);
  if (end == absl::string_view::npos) end = text.size();
  const absl::string_view token = text.substr(begin, end - begin);
  if (token.empty() || !absl::ascii_isalpha(token[0])) {
    return parser.Unexpected(absl::StrCat("permissions; ", kPermissionHelp));
  }
  lexer.set_offset(end);
  return PermissionReader(parser, token, begin, deny).Read(permissions);
}

std::string TargetSuffix(const std::string& target) {
  return target.empty() ? "" : absl::StrCat(" -> ", PrintAppArmorPattern(target));
}

void PrintFileRule(AppArmorStatement& statement) {
  statement.body = absl::StrCat(PrintAppArmorPattern(statement.path), " ", statement.permissions,
                                statement.exec, TargetSuffix(statement.target));
}

void PrintLinkRule(AppArmorStatement& statement, bool subset) {
  statement.body =
      absl::StrCat("link ", subset ? "subset " : "", PrintAppArmorPattern(statement.path),
                   TargetSuffix(statement.target));
}

bool ReadLinkTarget(RuleParser& parser, AppArmorStatement& statement) {
  parser.lexer().SkipBlanks();
  RuleWord target;
  if (!parser.ReadPath(target)) return false;
  statement.target = target.text;
  return true;
}

// "l [subset] /a [-> /b]".
bool ParseLeadingLink(RuleParser& parser, AppArmorStatement& statement) {
  RuleLexer& lexer = parser.lexer();
  const bool subset = lexer.PeekKeyword() == "subset";
  if (subset) lexer.ReadKeyword();
  lexer.SkipSpace();
  RuleWord path;
  if (!parser.ReadPath(path)) return false;
  statement.path = path.text;
  statement.permissions = "l";
  lexer.SkipSpace();
  if (lexer.ConsumeArrow()) {
    if (!ReadLinkTarget(parser, statement)) return false;
    PrintLinkRule(statement, subset);
    return true;
  }
  if (subset) return parser.Unexpected("\"->\" and what may be linked to");
  PrintFileRule(statement);
  return true;
}

// Not what it looks like: without px or cx there is no transition.
void CheckTargetIsUsed(RuleParser& parser, const AppArmorStatement& statement, size_t offset) {
  const std::string exec = absl::AsciiStrToLower(statement.exec);
  if (absl::StartsWith(exec, "p") || absl::StartsWith(exec, "c")) return;
  parser.StrictError(
      "apparmor-useless-target", offset,
      absl::StrCat("\"-> ", statement.target, "\" behind permissions that change no profile"),
      statement.permissions == "l" ? "write link PATH -> TARGET" : "drop it, or use px or cx");
}

bool ParseBareFile(RuleParser& parser, AppArmorStatement& statement, size_t offset) {
  if (statement.deny) {
    return parser.Error("apparmor-permission-conflict", offset,
                        "\"deny file\" is refused by AppArmor parsers before 3.1",
                        "write deny /** rwlkmx");
  }
  statement.body = "file";
  return true;
}

}  // namespace

bool LooksLikePermissions(absl::string_view word) {
  if (word.empty()) return false;
  for (const char c : word) {
    if (!absl::StrContains("rwalkmixpcu", absl::ascii_tolower(c))) return false;
  }
  return true;
}

bool ParseLinkRule(RuleParser& parser, AppArmorStatement& statement) {
  RuleLexer& lexer = parser.lexer();
  lexer.SkipSpace();
  const bool subset = lexer.PeekKeyword() == "subset";
  if (subset) lexer.ReadKeyword();
  lexer.SkipSpace();
  RuleWord path;
  if (!parser.ReadPath(path)) return false;
  statement.path = path.text;
  statement.permissions = "l";
  lexer.SkipSpace();
  if (!lexer.ConsumeArrow()) return parser.Unexpected("\"->\" and what may be linked to");
  if (!ReadLinkTarget(parser, statement)) return false;
  PrintLinkRule(statement, subset);
  return true;
}

bool ParseFileRule(RuleParser& parser, AppArmorStatement& statement, bool file_keyword) {
  RuleLexer& lexer = parser.lexer();
  const size_t begin = lexer.offset();
  statement.kind = AppArmorStatement::Kind::kFile;
  lexer.SkipSpace();
  if (file_keyword && (lexer.Peek() == ',' || lexer.AtEnd())) {
    return ParseBareFile(parser, statement, begin);
  }
  FilePermissions permissions;
  RuleWord path;
  const bool permissions_first = !lexer.PeekKeyword().empty();
  if (permissions_first) {
    if (!ReadPermissions(parser, statement.deny, permissions)) return false;
    lexer.SkipSpace();
    if (permissions.letters == "l" && permissions.exec.empty()) {
      return ParseLeadingLink(parser, statement);
    }
    if (!parser.ReadPath(path)) return false;
  } else {
    if (!parser.ReadPath(path)) return false;
    lexer.SkipSpace();
    if (!ReadPermissions(parser, statement.deny, permissions)) return false;
  }
  statement.path = path.text;
  statement.permissions = permissions.letters;
  statement.exec = permissions.exec;
  lexer.SkipSpace();
  const bool two_targets = permissions_first && absl::StrContains(permissions.letters, 'l') &&
                           !permissions.exec.empty() && lexer.LookingAt("->");
  if (two_targets) {
    return parser.Error("apparmor-permission-conflict", begin,
                        "\"->\" behind permissions for both links and exec",
                        "write the path first, or two rules");
  }
  const size_t arrow = lexer.offset();
  bool has_target = false;
  RuleWord target;
  if (!parser.ReadTarget(has_target, target)) return false;
  if (has_target) {
    statement.target = target.text;
    CheckTargetIsUsed(parser, statement, arrow);
  }
  PrintFileRule(statement);
  return true;
}

}  // namespace varmor
