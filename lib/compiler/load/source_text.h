// A source's bytes: the check before parsing, and the way from an offset to a line and column.
#ifndef LIB_COMPILER_LOAD_SOURCE_TEXT_H_
#define LIB_COMPILER_LOAD_SOURCE_TEXT_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {

// The first byte that may not stand in a source.
struct TextFault {
  size_t offset = 0;
  std::string problem;
  std::string fix;
};

// `text` without a byte order mark in front.
absl::string_view StripByteOrderMark(absl::string_view text);

// Looks for bytes that are not UTF-8 and for control characters other than tab and line ends.
std::optional<TextFault> FindTextFault(absl::string_view text);

bool IsUtf8(absl::string_view text);

// Turns growing offsets into places, in linear time over all calls.
class PlaceCursor {
 public:
  explicit PlaceCursor(absl::string_view text) : text_(text) {}

  // The place of `offset`. Offsets may not shrink from call to call.
  TextPlace At(size_t offset);

 private:
  absl::string_view text_;
  size_t scanned_ = 0;
  size_t line_start_ = 0;
  int line_ = 1;
};

// How the lines of a scalar lie in the source.
struct ScalarLines {
  // Where the scalar's first byte stands; line 0 when its lines are not lines of the source.
  TextPlace first;
  int indent = 0;
};

// `offset` and `place`: where the scalar with this value begins in `text`, quotes, anchor, tag or
// block header included.
ScalarLines FindScalarLines(absl::string_view text, size_t offset, TextPlace place,
                            absl::string_view value);

// False when the scalar that begins at `offset`, anchor and tag included, opens a quote that
// nothing closes.
bool QuotesAreClosed(absl::string_view text, size_t offset);

}  // namespace varmor

#endif  // LIB_COMPILER_LOAD_SOURCE_TEXT_H_
