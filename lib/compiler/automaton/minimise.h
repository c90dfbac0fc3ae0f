// The smallest automaton with the same answers.
#ifndef LIB_COMPILER_AUTOMATON_MINIMISE_H_
#define LIB_COMPILER_AUTOMATON_MINIMISE_H_

#include <cstdint>
#include <vector>

#include "lib/compiler/automaton/determinise.h"

namespace varmor {

// Merges states that cannot be told apart, where states accept the same when their `label` is the
// same (one label per state).
//
// States are merged bottom up, in time that is linear in `dfa`, but for those in circles that stay
// several states and those that lead there. These are refined after A. Valmari and P. Lehtinen,
// "Efficient minimization of DFAs with partial transition functions" (2008): O(m log n) for m edges
// and n states, and only edges that exist cost time.
//
// The result is canonical: states are numbered breadth first, edges by class. All states of `dfa`
// must be reachable, and able to reach an accepting one. `accept` still indexes the sets of `dfa`;
// they are not copied.
SparseDfa Minimise(const SparseDfa& dfa, const std::vector<uint32_t>& label);

}  // namespace varmor

#endif  // LIB_COMPILER_AUTOMATON_MINIMISE_H_
