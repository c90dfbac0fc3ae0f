// System calls in events: names, arguments, architectures.
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/seccomp/syscall_tables.h"
#include "lib/compiler/simulate/event_constants.h"
#include "lib/compiler/simulate/event_reader.h"

namespace varmor {
namespace {

constexpr int kMaxArgs = 6;

// Decimal, "0x" hexadecimal, "0" or "0o" octal.
bool ParseNumber(absl::string_view text, uint64_t& value) {
  int base = 10;
  if (absl::StartsWithIgnoreCase(text, "0x")) {
    base = 16;
    text.remove_prefix(2);
  } else if (absl::StartsWithIgnoreCase(text, "0o")) {
    base = 8;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
    text.remove_prefix(1);
  }
  if (text.empty()) return false;
  value = 0;
  for (const char c : text) {
    const char lower = absl::ascii_tolower(c);
    int digit = 99;
    if (absl::ascii_isdigit(lower)) digit = lower - '0';
    if (lower >= 'a' && lower <= 'f') digit = lower - 'a' + 10;
    if (digit >= base ||
        value > (~uint64_t{0} - static_cast<uint64_t>(digit)) / static_cast<uint64_t>(base)) {
      return false;
    }
    value = value * static_cast<uint64_t>(base) + static_cast<uint64_t>(digit);
  }
  return true;
}

// One number or name.
bool ParseTerm(EventReader& reader, uint64_t& value) {
  reader.SkipBlanks();
  const size_t start = reader.position();
  const bool negative = reader.PeekChar() == '-';
  if (negative) reader.SkipChar();
  const absl::string_view word = reader.Identifier();
  if (word.empty()) {
    return reader.Fail(start, "event-argument", "an argument is no number and no name",
                       "a filter sees numbers: write 0 for a pointer");
  }
  if (absl::ascii_isdigit(word[0])) {
    if (!ParseNumber(word, value)) {
      return reader.Fail(start, "event-argument",
                         absl::StrCat(Quoted(word), " is not a number of 64 bits"),
                         "write it as 10, 0x1f or 0755");
    }
  } else {
    const std::optional<uint64_t> constant = EventConstant(word);
    if (!constant.has_value()) {
      return reader.Fail(start, "unknown-constant", absl::StrCat("unknown constant ", Quoted(word)),
                         NearestFix(word, EventConstantNames(), "write its number"));
    }
    value = *constant;
  }
  if (negative) value = ~value + 1;
  return true;
}

bool ParseArgument(EventReader& reader, uint64_t& value) {
  value = 0;
  while (true) {
    uint64_t term = 0;
    if (!ParseTerm(reader, term)) return false;
    value |= term;
    reader.SkipBlanks();
    if (reader.PeekChar() != '|') return true;
    reader.SkipChar();
  }
}

// Behind the "(".
bool ParseArguments(EventReader& reader, SyscallEvent& event) {
  reader.SkipBlanks();
  while (reader.PeekChar() != ')') {
    const size_t start = reader.position();
    if (event.args_size() == kMaxArgs) {
      return reader.Fail(start, "event-argument", "a system call has at most 6 arguments",
                         "leave the others out");
    }
    uint64_t value = 0;
    if (!ParseArgument(reader, value)) return false;
    event.add_args(value);
    if (reader.PeekChar() == ')') break;
    if (reader.PeekChar() != ',') {
      return reader.Fail(reader.position(), "event-argument", "the arguments are not closed",
                         "separate them with \",\" and end with \")\"");
    }
    reader.SkipChar();
    reader.SkipBlanks();
  }
  reader.SkipChar();
  return true;
}

bool ParseArchitecture(EventReader& reader, SyscallEvent& event) {
  EventWord word;
  if (!reader.Next("an architecture", word)) return false;
  const std::string upper = absl::AsciiStrToUpper(word.text);
  for (const std::string& known : SeccompArchitectureWords()) {
    if (known != upper && known != absl::StrCat("SCMP_ARCH_", upper)) continue;
    event.set_architecture(known);
    return true;
  }
  return reader.Fail(
      word.offset, "unknown-architecture", absl::StrCat("unknown architecture ", Quoted(word.text)),
      NearestFix(absl::StartsWith(upper, "SCMP_ARCH_") ? upper : absl::StrCat("SCMP_ARCH_", upper),
                 SeccompArchitectureWords(), "write it as SCMP_ARCH_X86_64"));
}

}  // namespace

bool ParseSyscallEvent(EventReader& reader, SyscallEvent& event) {
  const size_t start = reader.Offset();
  const std::string name = absl::AsciiStrToLower(reader.Identifier());
  if (name.empty()) {
    return reader.Fail(start, "event-incomplete", "the name of a system call is missing",
                       "write it as \"syscall unshare(CLONE_NEWUSER)\"");
  }
  if (LookUpSyscall(name, {}) == SyscallKnowledge::kUnknown) {
    return reader.Fail(start, "unknown-syscall", absl::StrCat("unknown system call ", Quoted(name)),
                       NearestFix(name, SyscallNames(), "man 2 syscalls lists them"));
  }
  event.set_name(name);
  const size_t behind = reader.position();
  reader.SkipBlanks();
  if (reader.PeekChar() == '(') {
    reader.SkipChar();
    if (!ParseArguments(reader, event)) return false;
  } else if (behind == reader.position() && !reader.AtEnd()) {
    return reader.Fail(behind, "event-argument", "the arguments are not in parentheses",
                       absl::StrCat("write them as \"", name, "(0, 1)\""));
  }
  if (reader.Accept("on")) return ParseArchitecture(reader, event);
  return true;
}

std::string SyscallEventText(const SyscallEvent& event) {
  std::string out = absl::StrCat("syscall ", event.name());
  if (event.args_size() > 0) {
    absl::StrAppend(&out, "(",
                    absl::StrJoin(event.args(), ", ",
                                  [](std::string* to, uint64_t value) {
                                    if (value < 10) {
                                      absl::StrAppend(to, value);
                                    } else {
                                      absl::StrAppendFormat(to, "0x%x", value);
                                    }
                                  }),
                    ")");
  }
  if (!event.architecture().empty()) absl::StrAppend(&out, " on ", event.architecture());
  return out;
}

}  // namespace varmor
