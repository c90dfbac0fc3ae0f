#include "lib/compiler/apparmor/rule_lexer.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

bool IsWordByte(char c, WordEnd end) {
  if (c == ' ' || IsControl(c)) return false;
  if (c == '"' || c == '!' || c == ',') return false;
  return end == WordEnd::kRule || (c != '(' && c != ')');
}

// What a backslash protects from ending a word.
bool EndsWord(char c) { return c == ' ' || c == '\t' || c == '"' || c == '!' || c == ','; }

LexProblem ControlCharacter(size_t offset, char c) {
  const auto byte = static_cast<unsigned char>(c);
  const std::string octal = {'\\', static_cast<char>('0' + byte / 64),
                             static_cast<char>('0' + byte / 8 % 8),
                             static_cast<char>('0' + byte % 8)};
  return {offset, absl::StrCat("control character ", Quoted(absl::string_view(&c, 1))),
          absl::StrCat("write it as ", octal, ", or remove it")};
}

}  // namespace

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

bool IsLegacyInclude(absl::string_view text) { return absl::StartsWith(text, "#include"); }

RuleLexer::RuleLexer(absl::string_view text) : text_(text), line_starts_({0}) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') line_starts_.push_back(i + 1);
  }
}

char RuleLexer::Peek(size_t ahead) const {
  return offset_ + ahead < text_.size() ? text_[offset_ + ahead] : '\0';
}

bool RuleLexer::LookingAt(absl::string_view prefix) const {
  return offset_ <= text_.size() && absl::StartsWith(text_.substr(offset_), prefix);
}

TextPlace RuleLexer::Place(size_t offset) const {
  const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  const size_t line = static_cast<size_t>(next - line_starts_.begin());
  return {static_cast<int>(line), static_cast<int>(offset - line_starts_[line - 1] + 1)};
}

void RuleLexer::SkipBlanks() {
  while (!AtEnd()) {
    const char c = Peek();
    const bool carriage_return = c == '\r' && (offset_ + 1 == text_.size() || Peek(1) == '\n');
    if (!IsBlank(c) && c != '\n' && !carriage_return) return;
    ++offset_;
  }
}

void RuleLexer::SkipBlanksOnLine() {
  while (IsBlank(Peek())) ++offset_;
}

void RuleLexer::SkipSpace() {
  while (true) {
    SkipBlanks();
    if (Peek() != '#' || IsLegacyInclude(text_.substr(offset_))) return;
    SkipLine();
  }
}

void RuleLexer::SkipLine() { offset_ = std::min(text_.find('\n', offset_), text_.size()); }

bool RuleLexer::Consume(char c) {
  if (AtEnd() || Peek() != c) return false;
  ++offset_;
  return true;
}

bool RuleLexer::ConsumeArrow() {
  if (!LookingAt("->")) return false;
  offset_ += 2;
  return true;
}

absl::string_view RuleLexer::PeekKeyword() const {
  size_t end = offset_;
  while (end < text_.size() && (absl::ascii_isalpha(text_[end]) || text_[end] == '_')) ++end;
  return text_.substr(std::min(offset_, text_.size()), end - offset_);
}

absl::string_view RuleLexer::ReadKeyword() {
  const absl::string_view word = PeekKeyword();
  offset_ += word.size();
  return word;
}

bool RuleLexer::ReadWord(WordEnd end, RuleWord& word, LexProblem& problem) {
  word = RuleWord();
  word.begin = offset_;
  const bool ok = Peek() == '"' ? ReadQuoted(word, problem) : ReadUnquoted(end, word, problem);
  word.end = offset_;
  return ok;
}

bool RuleLexer::ReadQuoted(RuleWord& word, LexProblem& problem) {
  word.quoted = true;
  const size_t begin = offset_++;
  for (; !AtEnd(); ++offset_) {
    const char c = Peek();
    if (c == '"') {
      ++offset_;
      return true;
    }
    if (c == '\n') break;
    if (IsControl(c) && c != '\t') {
      problem = ControlCharacter(offset_, c);
      return false;
    }
    if (c == '\\' && Peek(1) == '\\' && Peek(2) == '"') {
      problem = {offset_, "backslashes in front of a quote can be read in two ways",
                 "write a backslash as \\134"};
      return false;
    }
    if (c == '\\' && Peek(1) == '\\') {
      word.text.append("\\134");
      ++offset_;
      continue;
    }
    if (c == '\\' && Peek(1) == '"') ++offset_;
    word.text.push_back(Peek());
  }
  problem = {begin, "a quote is not closed on its line", "end the text with \""};
  return false;
}

bool RuleLexer::ReadUnquoted(WordEnd end, RuleWord& word, LexProblem& problem) {
  while (!AtEnd()) {
    const char c = Peek();
    const char next = Peek(1);
    if (IsControl(c) && c != '\t' && c != '\n' && !(c == '\r' && next == '\n')) {
      problem = ControlCharacter(offset_, c);
      return false;
    }
    if (c == '\\' && next == '\\' && EndsWord(Peek(2)) && Peek(2) != ',') {
      problem = {offset_, "backslashes in front of a blank or a quote can be read in two ways",
                 "put the word in quotes, and write a backslash as \\134"};
      return false;
    }
    if (c == '\\' && EndsWord(next)) {
      // A comma keeps its backslash: between braces it means something else without.
      if (next == ',') word.text.push_back('\\');
      word.text.push_back(next);
      offset_ += 2;
    } else if (c == '\\' && next == '\\') {
      word.text.append("\\134");
      offset_ += 2;
    } else if (IsWordByte(c, end)) {
      word.text.push_back(c);
      ++offset_;
    } else if (c == ',' && end == WordEnd::kRule && IsWordByte(next, end)) {
      word.text.push_back(c);
      word.text.push_back(next);
      offset_ += 2;
    } else {
      return true;
    }
  }
  return true;
}

}  // namespace varmor
