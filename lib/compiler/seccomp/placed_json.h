// JSON values that know where they stand in the text. RapidJSON does the parsing.
#ifndef LIB_COMPILER_SECCOMP_PLACED_JSON_H_
#define LIB_COMPILER_SECCOMP_PLACED_JSON_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {

struct PlacedJson {
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  // kString: unescaped. kNumber: as written.
  std::string text;
  // Byte offset of the value's first character.
  size_t offset = 0;
  // kObject: in the order of the text; parallel to `items`.
  std::vector<std::string> keys;
  std::vector<size_t> key_offsets;
  // Values of an array or an object.
  std::vector<PlacedJson> items;
};

// Line and column of a byte offset; built once per text.
class LineIndex {
 public:
  explicit LineIndex(absl::string_view text);
  TextPlace At(size_t offset) const;

 private:
  std::vector<size_t> starts_;
};

// Deepest nesting that is read.
inline constexpr int kMaxJsonDepth = 16;

struct PlacedJsonError {
  size_t offset = 0;
  // "missing a comma or ]", lower case, no full stop; "" for no error.
  std::string problem;
};

// Strict JSON (RFC 8259) in valid UTF-8. On an error the value is incomplete.
PlacedJsonError ParsePlacedJson(absl::string_view text, PlacedJson& value);

}  // namespace varmor

#endif  // LIB_COMPILER_SECCOMP_PLACED_JSON_H_
