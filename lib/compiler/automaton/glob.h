// The parsed form of a path pattern: a list of alternatives without braces, each a row of atoms.
//
// Braces are expanded while parsing, so that every reader (automaton, regular expression, naive
// matcher) sees plain rows, and "{a,b}" means exactly what its expansions mean one by one.
#ifndef LIB_COMPILER_AUTOMATON_GLOB_H_
#define LIB_COMPILER_AUTOMATON_GLOB_H_

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace varmor {

using ByteSet = std::bitset<256>;

struct GlobAtom {
  enum class Kind : uint8_t {
    kByte,         // the byte `byte`
    kSet,          // one byte of GlobNode::sets[set]
    kStar,         // "*": any number of bytes, none of them "/"
    kDoubleStar,   // "**": any number of bytes
    kDirectories,  // "/**/": a "/", or two with anything between them
    kOverlap,      // the "**" of X**Y: all rows with it are literal on both sides, and X and Y
                   // may share bytes
  };

  Kind kind = Kind::kByte;
  uint8_t byte = 0;
  uint16_t set = 0;

  bool operator==(const GlobAtom& other) const {
    return kind == other.kind && byte == other.byte && set == other.set;
  }
  bool operator<(const GlobAtom& other) const {
    if (kind != other.kind) return kind < other.kind;
    return byte != other.byte ? byte < other.byte : set < other.set;
  }
};

using GlobRow = std::vector<GlobAtom>;

struct GlobNode {
  // As the author wrote it.
  std::string text;
  // Distinct; never hold NUL or "/".
  std::vector<ByteSet> sets;
  // Sorted, unique. A path matches when one row does.
  std::vector<GlobRow> rows;
  // ? [ ] { or } stands unescaped in the pattern.
  bool extended = false;
};

// Parses the notation of BPF rules; see PathPattern::Parse for the errors.
absl::StatusOr<GlobNode> ParseGlob(absl::string_view text);

// The row that matches `path` only.
GlobRow LiteralRow(absl::string_view path);

// `path` with every special character escaped, so that ParseGlob gives LiteralRow(path).
std::string EscapeGlob(absl::string_view path);

// The lengths k for which the last k bytes of `left` are the first k of `right`: by how much X and
// Y of X**Y can overlap. Ascending, from 1 to the shorter length.
std::vector<size_t> OverlapLengths(absl::string_view left, absl::string_view right);

// Bounds of one pattern, so that braces cannot exhaust memory.
inline constexpr size_t kMaxGlobBytes = 4095;  // PATH_MAX - 1, include/uapi/linux/limits.h
inline constexpr size_t kMaxGlobRows = 1024;
inline constexpr size_t kMaxGlobAtoms = 65536;
inline constexpr int kMaxGlobNesting = 16;

}  // namespace varmor

#endif  // LIB_COMPILER_AUTOMATON_GLOB_H_
