// Subset construction: from the automaton of many rows to one with a single state at a time.
#ifndef LIB_COMPILER_AUTOMATON_DETERMINISE_H_
#define LIB_COMPILER_AUTOMATON_DETERMINISE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "lib/compiler/automaton/nfa.h"

namespace varmor {

// Transitions that lead nowhere are not stored. Every state can still reach an accepting one.
struct SparseDfa {
  struct Edge {
    uint32_t target = 0;
    uint8_t byte_class = 0;
  };

  size_t states() const { return accept.size(); }
  absl::Span<const Edge> EdgesOf(uint32_t state) const {
    return absl::MakeConstSpan(edges).subspan(first[state], first[state + 1] - first[state]);
  }

  // Edges of state s: [first[s], first[s + 1]), by class. State 0 is the start.
  std::vector<uint32_t> first = {0};
  std::vector<Edge> edges;
  // Per state: index into `sets`.
  std::vector<uint32_t> accept;
  // Sorted values that match together. sets[0] is empty.
  std::vector<std::vector<uint32_t>> sets;
  std::array<uint8_t, 256> byte_class{};
  uint32_t classes = 0;
};

struct DeterminiseLimits {
  size_t states = 0;
  uint64_t work = 0;
};

// Nothing when a limit is exceeded. Adds the steps it took to `work`.
std::optional<SparseDfa> Determinise(const Nfa& nfa, absl::Span<const TableRow> rows,
                                     const DeterminiseLimits& limits, uint64_t& work);

}  // namespace varmor

#endif  // LIB_COMPILER_AUTOMATON_DETERMINISE_H_
