// Spreads the rows of patterns over automata, so that none explodes and most paths die early.
#ifndef LIB_COMPILER_AUTOMATON_TABLE_PLAN_H_
#define LIB_COMPILER_AUTOMATON_TABLE_PLAN_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/compiler/automaton/determinise.h"
#include "lib/compiler/automaton/nfa.h"
#include "lib/compiler/automaton/path_tables.h"

namespace varmor {

// One table to be: an automaton whose labels are sets of values. It need not be minimal: minimising
// is for the caller, who knows which sets have equal consequences.
struct PlannedTable {
  bool reverse = false;
  // Different patterns that its rows come from.
  uint32_t patterns = 0;
  SparseDfa dfa;
};

struct TablePlan {
  std::vector<PlannedTable> tables;
  uint64_t work = 0;
};

// `rows` as written (not reversed), in any order. Errors as BuildPathTables; `texts` are the
// patterns'.
absl::StatusOr<TablePlan> PlanTables(std::vector<TableRow> rows, absl::Span<const ByteSet> sets,
                                     absl::Span<const absl::string_view> texts,
                                     const PathTableLimits& limits);

}  // namespace varmor

#endif  // LIB_COMPILER_AUTOMATON_TABLE_PLAN_H_
