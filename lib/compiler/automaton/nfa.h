// The non-deterministic automaton of many rows at once: a trie of atoms, so that what rows have in
// common at their beginning is there once.
#ifndef LIB_COMPILER_AUTOMATON_NFA_H_
#define LIB_COMPILER_AUTOMATON_NFA_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "lib/compiler/automaton/glob.h"

namespace varmor {

// One row of a pattern, on its way into a table.
struct TableRow {
  // In the order the table reads: the last atom first for a reversed table.
  GlobRow atoms;
  // Set when the row matches.
  uint32_t value = 0;
  uint32_t decision = 0;
  // Index of the pattern it comes from.
  uint32_t pattern = 0;

  bool operator<(const TableRow& other) const {
    if (atoms != other.atoms) return atoms < other.atoms;
    return value != other.value ? value < other.value : pattern < other.pattern;
  }
};

struct NfaEdge {
  // A byte, or 256 + the index of a set.
  uint16_t symbol = 0;
  uint32_t target = 0;
};

struct NfaNode {
  enum class Loop : uint8_t { kNone, kNotSlash, kAny };

  // Bytes that stay here.
  Loop loop = Loop::kNone;
  // Most nodes have one edge and nothing else; there are many nodes.
  absl::InlinedVector<NfaEdge, 2> edges;
  absl::InlinedVector<uint32_t, 2> epsilon;
  // Rows that match when the path ends here: indexes into the rows the automaton was built from.
  absl::InlinedVector<uint32_t, 2> rows;
  // The node whose `reach` is this one's: itself, but for helper nodes.
  uint32_t twin = 0;
};

struct Nfa {
  // 0 is the start. Edges and epsilons lead to higher numbers, but for those of twins.
  std::vector<NfaNode> nodes;
  // Bytes that no row tells apart have one class. From 1; NUL has 0.
  std::array<uint8_t, 256> byte_class{};
  // Without that of NUL.
  uint32_t classes = 0;
  // Classes of each set, ascending.
  std::vector<std::vector<uint8_t>> set_classes;
};

// `rows` must be sorted; `sets` are what atoms of kind kSet index.
Nfa BuildNfa(absl::Span<const TableRow> rows, absl::Span<const ByteSet> sets);

}  // namespace varmor

#endif  // LIB_COMPILER_AUTOMATON_NFA_H_
