#include "lib/compiler/load/source_text.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"

namespace varmor {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Length of the well-formed UTF-8 sequence at the start of `text` (RFC 3629), 0 if there is none.
size_t SequenceLength(absl::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto follows = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return follows(1) ? 2 : 0;
  if (lead < 0xF0) {
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
    if (lead == 0xED && byte(1) >= 0xA0) return 0;  // surrogates
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (lead > 0xF4) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;   // overlong
  if (lead == 0xF4 && byte(1) >= 0x90) return 0;  // beyond U+10FFFF
  return follows(1) && follows(2) && follows(3) ? 4 : 0;
}

bool IsForbiddenControl(unsigned char byte) {
  return (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F;
}

TextFault ControlFault(size_t offset, unsigned char byte) {
  TextFault fault;
  fault.offset = offset;
  if (byte == 0) {
    fault.problem = "the text has a NUL byte";
    fault.fix = "save the file as UTF-8 text";
  } else {
    fault.problem = absl::StrFormat("the text has the control character 0x%02x", byte);
    fault.fix = "remove it, or write it as an escape in double quotes";
  }
  return fault;
}

// Skips "&anchor" and "!tag" in front of a scalar.
size_t SkipProperties(absl::string_view text, size_t offset) {
  while (offset < text.size() && (text[offset] == '&' || text[offset] == '!')) {
    while (offset < text.size() && !absl::ascii_isspace(text[offset])) ++offset;
    while (offset < text.size() && absl::ascii_isspace(text[offset])) ++offset;
  }
  return offset;
}

bool IsBlank(absl::string_view line) {
  return std::all_of(line.begin(), line.end(), [](char c) { return absl::ascii_isspace(c); });
}

// The lines from `text` on, one per call.
absl::string_view TakeLine(absl::string_view* text) {
  const size_t end = text->find('\n');
  const absl::string_view line = text->substr(0, end);
  text->remove_prefix(end == absl::string_view::npos ? text->size() : end + 1);
  return line;
}

int LeadingSpaces(absl::string_view line) {
  const size_t n = line.find_first_not_of(' ');
  return static_cast<int>(n == absl::string_view::npos ? line.size() : n);
}

// Lines of a "|" block whose header stands at the start of `source`.
ScalarLines FindBlockLines(absl::string_view source, int header_line, absl::string_view value) {
  ScalarLines lines;
  TakeLine(&source);
  // The first line with content tells the indentation: what the source has more than the value.
  absl::string_view rest = value;
  while (!rest.empty()) {
    const absl::string_view wanted = TakeLine(&rest);
    if (source.empty()) return lines;
    const absl::string_view written = TakeLine(&source);
    if (IsBlank(wanted)) continue;
    const int indent = LeadingSpaces(written) - LeadingSpaces(wanted);
    if (indent < 0) return lines;
    lines.indent = indent;
    lines.first = {header_line + 1, indent + 1};
    return lines;
  }
  return lines;
}

}  // namespace

absl::string_view StripByteOrderMark(absl::string_view text) {
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    text.remove_prefix(kByteOrderMark.size());
  }
  return text;
}

std::optional<TextFault> FindTextFault(absl::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      if (IsForbiddenControl(byte)) return ControlFault(i, byte);
      ++i;
      continue;
    }
    const size_t length = SequenceLength(text.substr(i, 4));
    if (length == 0) {
      return TextFault{i, absl::StrFormat("byte 0x%02x is not UTF-8", byte),
                       "save the file as UTF-8"};
    }
    i += length;
  }
  return std::nullopt;
}

bool IsUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = SequenceLength(text.substr(i, 4));
    if (length == 0) return false;
    i += length;
  }
  return true;
}

TextPlace PlaceCursor::At(size_t offset) {
  offset = std::min(offset, text_.size());
  while (scanned_ < offset) {
    const void* found = std::memchr(text_.data() + scanned_, '\n', offset - scanned_);
    if (found == nullptr) break;
    line_start_ = static_cast<size_t>(static_cast<const char*>(found) - text_.data()) + 1;
    scanned_ = line_start_;
    ++line_;
  }
  scanned_ = std::max(scanned_, offset);
  return {line_, static_cast<int>(offset - line_start_) + 1};
}

ScalarLines FindScalarLines(absl::string_view text, size_t offset, TextPlace place,
                            absl::string_view value) {
  ScalarLines lines;
  offset = std::min(offset, text.size());
  const size_t start = SkipProperties(text, offset);
  const absl::string_view skipped = text.substr(offset, start - offset);
  const int skipped_lines = static_cast<int>(std::count(skipped.begin(), skipped.end(), '\n'));
  if (start >= text.size()) return lines;
  if (text[start] == '|') {
    return FindBlockLines(text.substr(start), place.line + skipped_lines, value);
  }
  const bool quoted = text[start] == '"' || text[start] == '\'';
  const size_t first = start + (quoted ? 1 : 0);
  if (skipped_lines > 0 || value.find('\n') != absl::string_view::npos) return lines;
  if (text.substr(first, value.size()) != value) return lines;
  if (quoted && text.substr(first + value.size(), 1) != text.substr(start, 1)) return lines;
  lines.first = {place.line, place.column + static_cast<int>(first - offset)};
  return lines;
}

bool QuotesAreClosed(absl::string_view text, size_t offset) {
  size_t i = SkipProperties(text, std::min(offset, text.size()));
  if (i >= text.size() || (text[i] != '"' && text[i] != '\'')) return true;
  const char quote = text[i++];
  for (; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 >= text.size() || text[i + 1] != quote) return true;
      ++i;  // '' stands for one quote
    }
  }
  return false;
}

}  // namespace varmor
