// The text of an event, word by word. Private to event_text.
#ifndef LIB_COMPILER_SIMULATE_EVENT_READER_H_
#define LIB_COMPILER_SIMULATE_EVENT_READER_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "proto/event.pb.h"

namespace varmor {

// Words stand between blanks; in double quotes they may hold blanks, and \" \\ \n \r \t \xHH mean
// the character. A quoted word is never one of the grammar's own.
struct EventWord {
  std::string text;
  size_t offset = 0;
  bool quoted = false;
};

class EventReader {
 public:
  EventReader(absl::string_view text, absl::string_view field, Diagnostics& diagnostics)
      : text_(text), field_(field), diagnostics_(diagnostics) {}

  // Adds an error at `offset` and returns false, so that a caller can return it.
  bool Fail(size_t offset, absl::string_view code, absl::string_view problem,
            absl::string_view fix);
  void Warn(size_t offset, absl::string_view code, absl::string_view problem,
            absl::string_view fix);
  bool failed() const { return failed_; }

  bool AtEnd();
  // Where the next word, or the end, is.
  size_t Offset();
  // Consumes the next word. False and an error, which says what `what` should have been ("a path"),
  // when there is none or its quotes are wrong.
  bool Next(absl::string_view what, EventWord& word);
  // Consumes the next word if it is `keyword`, in any case and without quotes.
  bool Accept(absl::string_view keyword);
  // Two words in a row, "own file".
  bool Accept(absl::string_view first, absl::string_view second);
  // Whether Accept would.
  bool Peek(absl::string_view keyword);
  // Whether nothing follows but what every event may have ("as child_0", "own file").
  bool AtContext();

  // Characters instead of words, for the arguments of system calls.
  char PeekChar() const { return pos_ < text_.size() ? text_[pos_] : '\0'; }
  void SkipChar() { ++pos_; }
  void SkipBlanks();
  // The longest run of letters, digits and "_" from here on, consumed.
  absl::string_view Identifier();
  size_t position() const { return pos_; }
  absl::string_view text() const { return text_; }

 private:
  // Lexes at pos_ without consuming; the end's offset in `end`. False: a mistake in quotes.
  bool Lex(EventWord& word, size_t& end, bool report);
  bool LexQuoted(EventWord& word, size_t& end, bool report);
  TextPlace PlaceOf(size_t offset) const;

  absl::string_view text_;
  absl::string_view field_;
  Diagnostics& diagnostics_;
  size_t pos_ = 0;
  bool failed_ = false;
};

// `"text"` with escapes as EventReader reads them; as it is where that means the same.
std::string EventWordText(absl::string_view text);

// "did you mean "x"?", or `otherwise` when nothing is near.
std::string NearestFix(absl::string_view word, absl::Span<const std::string> known,
                       absl::string_view otherwise);

// An absolute and resolved path.
bool CheckEventPath(EventReader& reader, const EventWord& word, std::string* path);
bool ReadEventPath(EventReader& reader, absl::string_view what, std::string* path);

// The next word in lower case and without `prefix`; an error when it is not among `known`. `what`
// is "capability".
bool ReadKnownWord(EventReader& reader, absl::string_view what, absl::string_view prefix,
                   absl::Span<const std::string> known, std::string* value);

// "mount SOURCE on TARGET ..." and its relatives, whose verb has been read; event_mount.cc.
bool IsMountVerb(absl::string_view verb);
std::vector<std::string> MountVerbs();
bool ParseMountEvent(EventReader& reader, absl::string_view verb, MountEvent& event);
std::string MountEventText(const MountEvent& event);

// `syscall NAME(ARGS) [on ARCHITECTURE]` behind its verb; event_syscall.cc.
bool ParseSyscallEvent(EventReader& reader, SyscallEvent& event);
std::string SyscallEventText(const SyscallEvent& event);

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_EVENT_READER_H_
