// The words of AppArmor rules, with their places. Shared by the parsers of single rules; apart from
// that a detail of this directory.
#ifndef LIB_COMPILER_APPARMOR_RULE_LEXER_H_
#define LIB_COMPILER_APPARMOR_RULE_LEXER_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {

// A path, pattern, label or value.
struct RuleWord {
  // Without quotes, and without the backslashes in front of blanks, quotes and "!". Escapes of the
  // pattern language are kept; an escaped backslash is always "\134".
  std::string text;
  bool quoted = false;
  size_t begin = 0;
  size_t end = 0;
};

// What ends an unquoted word, besides blanks, line ends, quotes, "!" and a comma in front of one of
// those.
enum class WordEnd {
  kRule,  // nothing else: paths, peers, names of profiles
  kList,  // "(", ")" and any comma: values between parentheses
};

struct LexProblem {
  size_t offset = 0;
  std::string problem;
  std::string fix;
};

class RuleLexer {
 public:
  explicit RuleLexer(absl::string_view text);

  absl::string_view text() const { return text_; }
  size_t offset() const { return offset_; }
  void set_offset(size_t offset) { offset_ = offset; }
  bool AtEnd() const { return offset_ >= text_.size(); }
  // The byte at offset() + ahead, or NUL behind the end.
  char Peek(size_t ahead = 0) const;
  bool LookingAt(absl::string_view prefix) const;
  TextPlace Place(size_t offset) const;

  // Blanks and line ends. A carriage return counts only in front of a newline or the end.
  void SkipBlanks();
  // Blanks on this line.
  void SkipBlanksOnLine();
  // Blanks, line ends and comments, but no "#include".
  void SkipSpace();
  // To the end of this line, not over it.
  void SkipLine();

  // If it comes next.
  bool Consume(char c);
  bool ConsumeArrow();

  // Letters and underscores. Empty if there are none.
  absl::string_view PeekKeyword() const;
  absl::string_view ReadKeyword();

  // A quoted or unquoted word; empty and unquoted when there is none here.
  bool ReadWord(WordEnd end, RuleWord& word, LexProblem& problem);

 private:
  bool ReadQuoted(RuleWord& word, LexProblem& problem);
  bool ReadUnquoted(WordEnd end, RuleWord& word, LexProblem& problem);

  absl::string_view text_;
  size_t offset_ = 0;
  std::vector<size_t> line_starts_;
};

bool IsBlank(char c);
// "#include": no comment, whatever follows. The AppArmor parser includes foo for "#includefoo".
bool IsLegacyInclude(absl::string_view text);

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_RULE_LEXER_H_
