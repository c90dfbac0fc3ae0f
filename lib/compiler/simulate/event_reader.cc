#include "lib/compiler/simulate/event_reader.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace varmor {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Every word that has a meaning somewhere.
constexpr absl::string_view kKeywords[] = {
    "on",   "to",   "of",   "by",   "from", "type", "options", "as",   "own",     "foreign",
    "disk", "only", "same", "send", "tcp",  "udp",  "receive", "file", "put_old", "device",
};

}  // namespace

TextPlace EventReader::PlaceOf(size_t offset) const {
  TextPlace place{1, 1};
  for (const char c : text_.substr(0, offset)) {
    ++place.column;
    if (c == '\n') place = {place.line + 1, 1};
  }
  return place;
}

bool EventReader::Fail(size_t offset, absl::string_view code, absl::string_view problem,
                       absl::string_view fix) {
  failed_ = true;
  diagnostics_.Error(code, field_, problem, fix, PlaceOf(offset));
  return false;
}

void EventReader::Warn(size_t offset, absl::string_view code, absl::string_view problem,
                       absl::string_view fix) {
  diagnostics_.Warning(code, field_, problem, fix, PlaceOf(offset));
}

void EventReader::SkipBlanks() {
  while (pos_ < text_.size() && IsBlank(text_[pos_])) ++pos_;
}

bool EventReader::AtEnd() {
  SkipBlanks();
  return pos_ == text_.size();
}

size_t EventReader::Offset() {
  SkipBlanks();
  return pos_;
}

bool EventReader::LexQuoted(EventWord& word, size_t& end, bool report) {
  word.quoted = true;
  for (size_t i = pos_ + 1; i < text_.size(); ++i) {
    if (text_[i] == '"') {
      end = i + 1;
      if (end == text_.size() || IsBlank(text_[end])) return true;
      return report && Fail(end, "event-quotes", "text follows the closing quote without a blank",
                            "quote the whole word");
    }
    if (text_[i] != '\\') {
      word.text.push_back(text_[i]);
      continue;
    }
    const char next = i + 1 < text_.size() ? text_[i + 1] : '\0';
    int high = 0;
    if (next == '"' || next == '\\') {
      word.text.push_back(next);
      ++i;
    } else if (next == 'n' || next == 'r' || next == 't') {
      word.text.push_back(next == 'n' ? '\n' : next == 'r' ? '\r' : '\t');
      ++i;
    } else if (next == 'x' && i + 3 < text_.size() && absl::ascii_isxdigit(text_[i + 2]) &&
               absl::ascii_isxdigit(text_[i + 3])) {
      for (const char digit : text_.substr(i + 2, 2)) {
        high = high * 16 +
               (absl::ascii_isdigit(digit) ? digit - '0' : absl::ascii_tolower(digit) - 'a' + 10);
      }
      word.text.push_back(static_cast<char>(high));
      i += 3;
    } else {
      return report &&
             Fail(i, "event-quotes", "unknown escape in quotes", R"(write \" \\ \n \r \t or \xHH)");
    }
  }
  return report && Fail(pos_, "event-quotes", "the quote is never closed", "add a \"");
}

bool EventReader::Lex(EventWord& word, size_t& end, bool report) {
  SkipBlanks();
  word = EventWord();
  word.offset = pos_;
  if (PeekChar() == '"') return LexQuoted(word, end, report);
  end = pos_;
  while (end < text_.size() && !IsBlank(text_[end])) ++end;
  word.text = std::string(text_.substr(pos_, end - pos_));
  const size_t quote = word.text.find('"');
  if (quote != std::string::npos) {
    return report && Fail(pos_ + quote, "event-quotes", "a quote stands inside a word",
                          "quote the whole word");
  }
  return true;
}

bool EventReader::Next(absl::string_view what, EventWord& word) {
  if (AtEnd()) {
    return Fail(pos_, "event-incomplete", absl::StrCat("the event ends where ", what, " should be"),
                absl::StrCat("add ", what));
  }
  size_t end = 0;
  if (!Lex(word, end, true)) return false;
  pos_ = end;
  return true;
}

bool EventReader::Accept(absl::string_view keyword) {
  if (AtEnd()) return false;
  EventWord word;
  size_t end = 0;
  if (!Lex(word, end, false) || word.quoted || !absl::EqualsIgnoreCase(word.text, keyword)) {
    return false;
  }
  pos_ = end;
  return true;
}

bool EventReader::Accept(absl::string_view first, absl::string_view second) {
  const size_t start = pos_;
  if (Accept(first) && Accept(second)) return true;
  pos_ = start;
  return false;
}

bool EventReader::Peek(absl::string_view keyword) {
  const size_t start = pos_;
  const bool found = Accept(keyword);
  pos_ = start;
  return found;
}

bool EventReader::AtContext() {
  return AtEnd() || Peek("as") || Peek("only") || Peek("own") || Peek("foreign") || Peek("disk") ||
         Peek("same");
}

absl::string_view EventReader::Identifier() {
  const size_t start = pos_;
  while (pos_ < text_.size() && (absl::ascii_isalnum(text_[pos_]) || text_[pos_] == '_')) ++pos_;
  return text_.substr(start, pos_ - start);
}

std::string EventWordText(absl::string_view text) {
  // "*" and the like are plain characters in an event; quotes show that they are meant.
  const bool plain =
      !text.empty() &&
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > ' ' && c != 0x7F; }) &&
      text.find_first_of("\"\\*?[{") == absl::string_view::npos &&
      std::find_if(std::begin(kKeywords), std::end(kKeywords), [&](absl::string_view keyword) {
        return absl::EqualsIgnoreCase(keyword, text);
      }) == std::end(kKeywords);
  if (plain) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < ' ' || byte == 0x7F) {
      absl::StrAppendFormat(&out, "\\x%02x", byte);
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

std::string NearestFix(absl::string_view word, absl::Span<const std::string> known,
                       absl::string_view otherwise) {
  const std::string near = NearestWord(word, known);
  return near.empty() ? std::string(otherwise) : absl::StrCat("did you mean \"", near, "\"?");
}

}  // namespace varmor
