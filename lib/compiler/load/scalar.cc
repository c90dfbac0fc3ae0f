#include "lib/compiler/load/scalar.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"

namespace varmor {
namespace {

// Longer ones are text to everybody.
constexpr size_t kLongestNumber = 400;

// The largest integer below which a double holds every integer.
constexpr double kExactDouble = 9007199254740992.0;

constexpr absl::string_view kTrueWords[] = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                            "True", "TRUE", "on",  "On",  "ON"};
constexpr absl::string_view kFalseWords[] = {"n",     "N",     "no",  "No",  "NO", "false",
                                             "False", "FALSE", "off", "Off", "OFF"};
constexpr absl::string_view kSpecialFloats[] = {".inf",  ".Inf",  ".INF",  "+.inf",
                                                "+.Inf", "+.INF", "-.inf", "-.Inf",
                                                "-.INF", ".nan",  ".NaN",  ".NAN"};

template <size_t N>
bool Contains(const absl::string_view (&words)[N], absl::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// Takes the base's prefix off `digits`.
unsigned TakeBase(absl::string_view* digits) {
  if (digits->size() < 2 || digits->front() != '0') return 10;
  switch ((*digits)[1]) {
    case 'x':
    case 'X':
      digits->remove_prefix(2);
      return 16;
    case 'o':
    case 'O':
      digits->remove_prefix(2);
      return 8;
    case 'b':
    case 'B':
      digits->remove_prefix(2);
      return 2;
    default:
      digits->remove_prefix(1);
      return 8;
  }
}

unsigned DigitValue(char c) {
  if (absl::ascii_isdigit(c)) return static_cast<unsigned>(c - '0');
  if (absl::ascii_isalpha(c)) return static_cast<unsigned>(absl::ascii_tolower(c) - 'a') + 10;
  return 99;
}

std::optional<uint64_t> ParseDigits(absl::string_view digits) {
  const unsigned base = TakeBase(&digits);
  if (digits.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char c : digits) {
    const unsigned digit = DigitValue(c);
    if (digit >= base || value > (UINT64_MAX - digit) / base) return std::nullopt;
    value = value * base + digit;
  }
  return value;
}

absl::string_view TakeDigits(absl::string_view* text) {
  size_t n = 0;
  while (n < text->size() && absl::ascii_isdigit((*text)[n])) ++n;
  const absl::string_view digits = text->substr(0, n);
  text->remove_prefix(n);
  return digits;
}

// [sign] digits [. digits] [e [sign] digits], or [sign] . digits ...
bool LooksLikeFloat(absl::string_view text) {
  const bool whole = !TakeDigits(&text).empty();
  bool fraction = false;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    fraction = !TakeDigits(&text).empty();
  }
  if (!whole && !fraction) return false;
  if (text.empty()) return true;
  if (text.front() != 'e' && text.front() != 'E') return false;
  text.remove_prefix(1);
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) text.remove_prefix(1);
  return !TakeDigits(&text).empty() && text.empty();
}

ScalarValue Float(bool negative, absl::string_view digits) {
  ScalarValue value;
  value.type = ScalarType::kFloat;
  value.negative = negative;
  double number = 0;
  if (absl::SimpleAtod(digits, &number) && number < kExactDouble && std::floor(number) == number) {
    value.type = ScalarType::kInteger;
    value.magnitude = static_cast<uint64_t>(number);
  }
  return value;
}

}  // namespace

ScalarValue ResolvePlainScalar(absl::string_view text) {
  ScalarValue value;
  if (text.empty() || text.size() > kLongestNumber) return value;
  if (Contains(kTrueWords, text) || Contains(kFalseWords, text)) {
    value.type = ScalarType::kBoolean;
    value.boolean = Contains(kTrueWords, text);
    return value;
  }
  if (Contains(kSpecialFloats, text)) {
    value.type = ScalarType::kFloat;
    value.negative = text.front() == '-';
    return value;
  }
  const char first = text.front();
  if (!absl::ascii_isdigit(first) && first != '-' && first != '+' && first != '.') return value;

  const std::string joined = absl::StrReplaceAll(text, {{"_", ""}});
  absl::string_view digits = joined;
  const bool negative = digits.front() == '-';
  if (negative || digits.front() == '+') digits.remove_prefix(1);
  const std::optional<uint64_t> magnitude = ParseDigits(digits);
  const uint64_t limit = negative ? uint64_t{1} << 63 : UINT64_MAX;
  if (magnitude.has_value() && *magnitude <= limit) {
    value.type = ScalarType::kInteger;
    value.negative = negative && *magnitude > 0;
    value.magnitude = *magnitude;
  } else if (LooksLikeFloat(digits)) {
    value = Float(negative, digits);
  }
  return value;
}

bool IsNullWord(absl::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

}  // namespace varmor
