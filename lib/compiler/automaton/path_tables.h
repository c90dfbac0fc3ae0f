// Compiles path patterns to minimised automata.
//
// All patterns of one kind of string (file paths, executed paths, mount sources) go in together;
// the matcher runs the tables one after another and joins what they accept. Patterns with a literal
// start share forward tables, those with only a literal end reversed ones, the rest forward tables
// of its own: so most paths die in every table after a few bytes. paginate.h gives the tables their
// bytes.
#ifndef LIB_COMPILER_AUTOMATON_PATH_TABLES_H_
#define LIB_COMPILER_AUTOMATON_PATH_TABLES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lib/compiler/artifact/path_match.h"
#include "lib/compiler/automaton/path_pattern.h"

namespace varmor {

struct PatternInput {
  PathPattern pattern;
  // What the pattern stands for (a rule's number). Several patterns may share one.
  uint32_t value = 0;
  // Patterns of the same non-zero decision have the same effect, so one of them is enough: where
  // several match, the set holds at least one (the first to be certain when reading on, and of
  // those the lowest value), not all. Fewer sets, and the only cure when many patterns end in "**".
  // 0: the value is in the set of every path that the pattern matches.
  uint32_t decision = 0;
};

struct PathTableLimits {
  // A table above this is cut in two when that makes it smaller all in all.
  size_t soft_states = 32768;
  size_t hard_states = 131072;
  size_t max_tables = VARMOR_PATH_TABLES_MAX;
  // Steps of the subset construction (members of sets looked at and edges written) that one attempt
  // may take: at least `work`, and more for many patterns. All attempts together may take
  // `attempts` times as much as one for all the patterns.
  uint64_t work = 1 << 20;
  uint64_t work_per_byte = 256;
  uint64_t attempts = 8;
};

struct PathTable {
  // Reads paths from the last byte to the first.
  bool reverse = false;
  // Patterns with at least one alternative in this table.
  uint32_t patterns = 0;
  // Live states. State 0 is the dead one and not counted; 1 is the start; the rest follow breadth
  // first.
  uint32_t states = 0;
  // Columns; classes of bytes are numbered from 0.
  uint32_t classes = 0;
  // Class of each byte; NUL has class 0 and must not be fed.
  std::array<uint8_t, 256> byte_class{};
  // Accept id per state, dead one included; 0: not accepting.
  std::vector<uint32_t> accepts;
  // Row by row: next[state * classes + class].
  std::vector<uint32_t> next;
};

struct PathTables {
  // Forward tables with literal starts first, then reversed, then forward ones without.
  std::vector<PathTable> tables;
  // What it took, for tests and reports.
  uint64_t work = 0;
};

// Gives the accept id (not 0) of a sorted set of values that match together. Called once per
// distinct set, in an order that depends on nothing but the patterns; sets with equal ids are
// merged. A path matching in several tables gets one id per table.
using AcceptLabel = std::function<uint32_t(const std::vector<uint32_t>& values)>;

// Builds the tables; the same for any order of `patterns`. No pattern, no table; default patterns
// match nothing and are left out.
//
// RESOURCE_EXHAUSTED, a MistakeStatus that names the patterns, when they do not fit the limits
// however they are spread.
absl::StatusOr<PathTables> BuildPathTables(absl::Span<const PatternInput> patterns,
                                           const PathTableLimits& limits, const AcceptLabel& label);

// The accept id of `path`, 0 for none. Slow; for tests.
uint32_t MatchTable(const PathTable& table, absl::string_view path);

}  // namespace varmor

#endif  // LIB_COMPILER_AUTOMATON_PATH_TABLES_H_
