#include "lib/compiler/apparmor/aare.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/apparmor/aare_automaton.h"

namespace varmor {
namespace {

// parser_regex.c of AppArmor 3.0 refuses more.
constexpr size_t kMaxNesting = 50;

// Bytes that stay special unless a backslash protects them.
bool IsSpecial(uint8_t byte) {
  return byte != 0 && absl::StrContains("*?[]{}^,\\", static_cast<char>(byte));
}

// Reads up to `digits` digits of `base` at text[at], while the value fits a byte. Returns how many.
size_t ReadNumber(absl::string_view text, size_t at, int base, size_t digits, int& value) {
  value = 0;
  size_t n = 0;
  for (; n < digits && at + n < text.size(); ++n) {
    const char c = text[at + n];
    int digit = 99;
    if (absl::ascii_isdigit(c)) digit = c - '0';
    if (absl::ascii_isxdigit(c) && !absl::ascii_isdigit(c)) {
      digit = absl::ascii_tolower(c) - 'a' + 10;
    }
    if (digit >= base || value * base + digit > 255) break;
    value = value * base + digit;
  }
  return n;
}

// The escape at text[at] == '\\': its byte, and how many bytes it takes.
std::pair<uint8_t, size_t> ReadEscape(absl::string_view text, size_t at) {
  const char c = text[at + 1];
  int value = 0;
  if (size_t n = ReadNumber(text, at + 1, 8, 3, value); n > 0) return {value, n + 1};
  if (c == 'd') {
    if (size_t n = ReadNumber(text, at + 2, 10, 3, value); n > 0) return {value, n + 2};
  }
  if (c == 'x') {
    if (size_t n = ReadNumber(text, at + 2, 16, 2, value); n > 0) return {value, n + 2};
  }
  switch (c) {
    case 'a':
      return {'\a', 2};
    case 'e':
      return {'\033', 2};
    case 'f':
      return {'\f', 2};
    case 'n':
      return {'\n', 2};
    case 'r':
      return {'\r', 2};
    case 't':
      return {'\t', 2};
    default:
      return {static_cast<uint8_t>(c), 2};
  }
}

// Walks the symbols, keeping track of groups.
class AareChecker {
 public:
  explicit AareChecker(absl::string_view pattern)
      : pattern_(pattern), symbols_(DecodeAare(pattern)) {}

  std::optional<AareProblem> Check() {
    if (EndsInBackslash()) {
      return AareProblem{pattern_.size() - 1, "pattern ends in a backslash",
                         "write a backslash as \\\\"};
    }
    for (size_t i = 0; i < symbols_.size(); ++i) {
      if (symbols_[i].literal) continue;
      if (auto problem = CheckSymbol(i)) return problem;
    }
    if (open_.empty()) return std::nullopt;
    return AareProblem{open_.back().offset, "\"{\" without \"}\"", "close it, or write \\{"};
  }

 private:
  struct Group {
    size_t offset = 0;
    int alternatives = 1;
  };

  // DecodeAare takes a last backslash for itself.
  bool EndsInBackslash() const {
    size_t n = 0;
    while (n < pattern_.size() && pattern_[pattern_.size() - 1 - n] == '\\') ++n;
    return n % 2 == 1;
  }

  std::optional<AareProblem> CheckSymbol(size_t& i) {
    const size_t offset = symbols_[i].offset;
    switch (symbols_[i].byte) {
      case '[':
        return CheckClass(i);
      case ']':
        return AareProblem{offset, "\"]\" without \"[\"", "write \\] for the character"};
      case '{':
        open_.push_back({offset, 1});
        if (open_.size() <= kMaxNesting) return std::nullopt;
        return AareProblem{offset, absl::StrCat("more than ", kMaxNesting, " braces in braces"),
                           "write several rules"};
      case '}':
        return CloseGroup(offset);
      case ',':
        if (!open_.empty()) ++open_.back().alternatives;
        return std::nullopt;
      default:
        return std::nullopt;
    }
  }

  std::optional<AareProblem> CloseGroup(size_t offset) {
    if (open_.empty()) {
      return AareProblem{offset, "\"}\" without \"{\"", "write \\} for the character"};
    }
    const Group group = open_.back();
    open_.pop_back();
    if (group.alternatives > 1) return std::nullopt;
    const bool nested = !open_.empty() && open_.back().offset + 1 == group.offset;
    if (nested) {
      return AareProblem{group.offset, "braces with a single alternative",
                         "\"{{\" belongs to a template, which has to be rendered first; else "
                         "separate alternatives with commas, or write \\{ and \\}"};
    }
    return AareProblem{group.offset, "braces with a single alternative",
                       "separate alternatives with commas, or write \\{ and \\}"};
  }

  // At "[". Leaves `i` at "]".
  std::optional<AareProblem> CheckClass(size_t& i) {
    const size_t begin = symbols_[i].offset;
    ++i;
    if (i < symbols_.size() && symbols_[i].byte == '^') {
      if (symbols_[i].literal) {
        return AareProblem{symbols_[i].offset, "the AppArmor parser takes \"[\\^\" for \"[^\"",
                           "put \"^\" behind another character of the class"};
      }
      ++i;
    }
    const size_t first = i;
    for (; i < symbols_.size(); ++i) {
      const AareSymbol symbol = symbols_[i];
      if (symbol.byte == ']' && !symbol.literal) break;
      if (auto problem = CheckClassMember(i, first)) return problem;
    }
    if (i == symbols_.size()) {
      return AareProblem{begin, "\"[\" without \"]\"", "close it, or write \\["};
    }
    if (i == first) {
      return AareProblem{begin, "empty character class", "write \\[ and \\] for the characters"};
    }
    return std::nullopt;
  }

  std::optional<AareProblem> CheckClassMember(size_t& i, size_t first) {
    const AareSymbol symbol = symbols_[i];
    if (!symbol.literal && (symbol.byte == '*' || symbol.byte == '?')) {
      const std::string wildcard(1, static_cast<char>(symbol.byte));
      return AareProblem{symbol.offset,
                         absl::StrCat("\"", wildcard, "\" is a wildcard inside a class, too"),
                         absl::StrCat("write \\", wildcard, " for the character")};
    }
    if (symbol.literal && symbol.byte == ',') {
      return AareProblem{symbol.offset, "inside a class \"\\,\" also stands for a backslash",
                         "write the comma without a backslash"};
    }
    if (symbol.byte != '-') return std::nullopt;
    const bool member_follows = i + 1 < symbols_.size() && symbols_[i + 1].byte != '-' &&
                                !(symbols_[i + 1].byte == ']' && !symbols_[i + 1].literal);
    const bool alone = i == first && i + 1 < symbols_.size() && symbols_[i + 1].byte == ']' &&
                       !symbols_[i + 1].literal;
    if (alone || (i == first && member_follows)) return std::nullopt;
    const AareProblem misplaced{symbol.offset, "\"-\" in a class is a range without an end",
                                "put the \"-\" first in the class"};
    if (!member_follows) return misplaced;
    ++i;  // the end of the range
    if (i + 1 < symbols_.size() && symbols_[i + 1].byte == '-') {
      return AareProblem{symbols_[i + 1].offset, misplaced.problem, misplaced.fix};
    }
    const AareSymbol last = symbols_[i];
    if (!last.literal && (last.byte == '*' || last.byte == '?')) return CheckClassMember(i, first);
    if (last.literal && last.byte == ',') return CheckClassMember(i, first);
    return std::nullopt;
  }

  absl::string_view pattern_;
  std::vector<AareSymbol> symbols_;
  std::vector<Group> open_;
};

}  // namespace

std::vector<AareSymbol> DecodeAare(absl::string_view pattern) {
  std::vector<AareSymbol> symbols;
  symbols.reserve(pattern.size());
  for (size_t i = 0; i < pattern.size();) {
    AareSymbol symbol{static_cast<uint8_t>(pattern[i]), false, i};
    size_t length = 1;
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      std::tie(symbol.byte, length) = ReadEscape(pattern, i);
      symbol.literal = IsSpecial(symbol.byte);
    }
    i += length;
    // Runs of slashes become one, but two at the beginning stay: POSIX lets them mean something.
    const bool slash_again = symbol.byte == '/' && !symbols.empty() && symbols.back().byte == '/';
    if (!slash_again) symbols.push_back(symbol);
  }
  const bool two_at_begin = symbols.size() > 0 && symbols[0].byte == '/' &&
                            absl::StartsWith(pattern, "//") && !absl::StartsWith(pattern, "///");
  if (two_at_begin) symbols.insert(symbols.begin(), symbols[0]);
  return symbols;
}

std::optional<AareProblem> CheckAare(absl::string_view pattern) {
  const std::string masked = MaskAareVariables(pattern);
  return AareChecker(masked).Check();
}

bool IsExactAare(absl::string_view pattern) {
  if (AareChecker(pattern).Check().has_value()) return false;
  const std::vector<AareSymbol> symbols = DecodeAare(pattern);
  return std::none_of(symbols.begin(), symbols.end(), [](const AareSymbol& symbol) {
    return !symbol.literal && (symbol.byte == '*' || symbol.byte == '?' || symbol.byte == '[');
  });
}

bool AareMatches(absl::string_view pattern, absl::string_view path) {
  const std::optional<AareNfa> nfa = AareNfa::Build(pattern);
  return nfa.has_value() && nfa->Matches(path);
}

}  // namespace varmor
