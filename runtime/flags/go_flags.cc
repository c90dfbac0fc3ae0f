#include "runtime/flags/go_flags.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {
namespace {

// The words of Go's strconv.ParseBool.
bool ParseGoBool(absl::string_view text, bool& value) {
  for (const char* word : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == word) return value = true;
  }
  for (const char* word : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text != word) continue;
    value = false;
    return true;
  }
  return false;
}

// As Go's strconv.ParseInt with base 0, without underscores.
bool ParseGoInt(absl::string_view text, int64_t& value) {
  absl::string_view digits = text;
  const bool negative = absl::StartsWith(digits, "-");
  if (negative || absl::StartsWith(digits, "+")) digits.remove_prefix(1);
  int base = 10;
  if (digits.size() > 1 && digits[0] == '0') {
    const char mark = digits[1] | 0x20;
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    digits.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  if (digits.empty() || digits[0] == '-' || digits[0] == '+' || digits[0] == ' ') return false;
  const std::string number = absl::StrCat(negative ? "-" : "", digits);
  char* end = nullptr;
  errno = 0;
  value = std::strtoll(number.c_str(), &end, base);
  return errno == 0 && *end == '\0';
}

bool ParseGoDuration(absl::string_view text, absl::Duration& value) {
  return absl::ParseDuration(absl::StrReplaceAll(text, {{"\u00b5s", "us"}, {"\u03bcs", "us"}}),
                             &value);
}

}  // namespace

void GoFlags::Add(const std::string& name, Flag flag) { flags_.emplace(name, std::move(flag)); }

void GoFlags::Bool(const std::string& name, const std::string& help, bool& value) {
  Flag flag{"bool", help, value ? "true" : "false"};
  flag.boolean = true;
  flag.set = [&value](const std::string& text) {
    return ParseGoBool(text, value) ? "" : "true or false";
  };
  Add(name, std::move(flag));
}

void GoFlags::Int(const std::string& name, const std::string& help, int64_t& value) {
  Flag flag{"int", help, absl::StrCat(value)};
  flag.set = [&value](const std::string& text) {
    return ParseGoInt(text, value) ? "" : "a whole number";
  };
  Add(name, std::move(flag));
}

void GoFlags::Float(const std::string& name, const std::string& help, double& value) {
  Flag flag{"float", help, absl::StrCat(value)};
  flag.set = [&value](const std::string& text) {
    return absl::SimpleAtod(text, &value) ? "" : "a number";
  };
  Add(name, std::move(flag));
}

void GoFlags::String(const std::string& name, const std::string& help, std::string& value) {
  Flag flag{"string", help, Quoted(value)};
  flag.set = [&value](const std::string& text) {
    value = text;
    return "";
  };
  Add(name, std::move(flag));
}

void GoFlags::Strings(const std::string& name, const std::string& help,
                      std::vector<std::string>& value) {
  Flag flag{"string, may be repeated", help, Quoted(absl::StrJoin(value, " "))};
  flag.set = [&value](const std::string& text) {
    value.push_back(text);
    return "";
  };
  Add(name, std::move(flag));
}

void GoFlags::Duration(const std::string& name, const std::string& help, absl::Duration& value) {
  Flag flag{"duration", help, absl::FormatDuration(value)};
  flag.set = [&value](const std::string& text) {
    return ParseGoDuration(text, value) ? "" : "a duration such as 90s, 5m or 2h";
  };
  Add(name, std::move(flag));
}

std::string GoFlags::Take(absl::string_view name, bool has_value, const std::string& value,
                          const std::vector<std::string>& words, size_t& next) {
  const auto found = flags_.find(name);
  if (found == flags_.end()) {
    std::vector<std::string> known;
    for (const auto& [word, flag] : flags_) known.push_back(word);
    const std::string near = NearestWord(name, known);
    return absl::StrCat(
        "unknown flag -", name,
        near.empty() ? "; -help lists them" : absl::StrCat("; did you mean -", near, "?"));
  }
  Flag& flag = found->second;
  std::string text = value;
  if (!has_value) {
    if (flag.boolean) {
      text = "true";
    } else if (next < words.size()) {
      text = words[next++];
    } else {
      return absl::StrCat("flag -", name, " needs a value");
    }
  }
  flag.given = true;
  const std::string wanted = flag.set(text);
  return wanted.empty() ? "" : absl::StrCat("flag -", name, ": ", Quoted(text), " is not ", wanted);
}

absl::Status GoFlags::Parse(const std::vector<std::string>& words) {
  std::vector<std::string> mistakes;
  size_t next = 0;
  while (next < words.size()) {
    absl::string_view word = words[next];
    if (word.size() < 2 || word[0] != '-') break;
    ++next;
    if (word == "--") break;
    word.remove_prefix(word[1] == '-' ? 2 : 1);
    const size_t equals = word.find('=');
    const absl::string_view name = word.substr(0, equals);
    if (name.empty() || name[0] == '-') {
      mistakes.push_back(absl::StrCat(Quoted(words[next - 1]), " is no flag"));
      continue;
    }
    if ((name == "h" || name == "help") && flags_.count(name) == 0) {
      return absl::CancelledError("help");
    }
    const bool has_value = equals != absl::string_view::npos;
    const std::string value(has_value ? word.substr(equals + 1) : "");
    const std::string mistake = Take(name, has_value, value, words, next);
    if (!mistake.empty()) mistakes.push_back(mistake);
  }
  operands_.assign(words.begin() + static_cast<ptrdiff_t>(next), words.end());
  if (mistakes.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(mistakes, "\n"));
}

bool GoFlags::given(absl::string_view name) const {
  const auto found = flags_.find(name);
  return found != flags_.end() && found->second.given;
}

std::string GoFlags::Usage() const {
  std::string out = absl::StrCat("Usage of ", program_, ":\n");
  for (const auto& [name, flag] : flags_) {
    absl::StrAppend(&out, "  -", name, " (", flag.type, ", default ", flag.fallback, ")\n        ",
                    flag.help, "\n");
  }
  return out;
}

}  // namespace varmor
