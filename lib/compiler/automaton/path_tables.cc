#include "lib/compiler/automaton/path_tables.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "lib/compiler/automaton/glob.h"
#include "lib/compiler/automaton/minimise.h"
#include "lib/compiler/automaton/table_plan.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

// All rows of all patterns, with the sets they share.
struct Material {
  std::vector<TableRow> rows;
  std::vector<ByteSet> sets;
  std::vector<absl::string_view> texts;
};

struct SetLess {
  bool operator()(const ByteSet& a, const ByteSet& b) const {
    for (int i = 0; i < 256; ++i) {
      if (a[i] != b[i]) return b[i];
    }
    return false;
  }
};

// Inputs in an order of their own, so that the caller's does not matter.
std::vector<const PatternInput*> Sorted(absl::Span<const PatternInput> patterns) {
  std::vector<const PatternInput*> sorted;
  for (const PatternInput& input : patterns) {
    if (input.pattern.root() != nullptr) sorted.push_back(&input);
  }
  std::sort(sorted.begin(), sorted.end(), [](const PatternInput* a, const PatternInput* b) {
    if (!(a->pattern == b->pattern)) return a->pattern < b->pattern;
    return a->value != b->value ? a->value < b->value : a->decision < b->decision;
  });
  return sorted;
}

Material Collect(absl::Span<const PatternInput> patterns) {
  const std::vector<const PatternInput*> sorted = Sorted(patterns);
  std::map<ByteSet, uint16_t, SetLess> numbers;
  for (const PatternInput* input : sorted) {
    for (const ByteSet& set : input->pattern.root()->sets) numbers.emplace(set, 0);
  }
  Material all;
  for (auto& [set, number] : numbers) {
    number = static_cast<uint16_t>(all.sets.size());
    all.sets.push_back(set);
  }
  for (const PatternInput* input : sorted) {
    const GlobNode& node = *input->pattern.root();
    for (const GlobRow& row : node.rows) {
      TableRow out{row, input->value, input->decision, static_cast<uint32_t>(all.texts.size())};
      for (GlobAtom& atom : out.atoms) {
        if (atom.kind == GlobAtom::Kind::kSet) atom.set = numbers[node.sets[atom.set]];
      }
      all.rows.push_back(std::move(out));
    }
    all.texts.push_back(input->pattern.text());
  }
  return all;
}

// Bytes whose columns are equal share one; the result is the new column of each class (from 1).
std::vector<uint8_t> MergeColumns(const SparseDfa& dfa, uint32_t& classes) {
  // Where each class leads from which state; those of class c end at end[c].
  using Move = std::pair<uint32_t, uint32_t>;
  std::vector<Move> moves(dfa.edges.size());
  std::vector<size_t> end(dfa.classes + 2, 0);
  for (const SparseDfa::Edge& edge : dfa.edges) ++end[edge.byte_class + 1];
  std::partial_sum(end.begin(), end.end(), end.begin());
  for (uint32_t state = 0; state < dfa.states(); ++state) {
    for (const SparseDfa::Edge& edge : dfa.EdgesOf(state)) {
      moves[end[edge.byte_class]++] = {state, edge.target};
    }
  }
  std::map<absl::Span<const Move>, uint8_t> numbers;
  std::vector<uint8_t> columns(dfa.classes + 1, 0);
  for (uint32_t c = 1; c <= dfa.classes; ++c) {
    const auto column = absl::MakeConstSpan(moves).subspan(end[c - 1], end[c] - end[c - 1]);
    columns[c] = numbers.emplace(column, static_cast<uint8_t>(numbers.size())).first->second;
  }
  classes = static_cast<uint32_t>(numbers.size());
  return columns;
}

PathTable MakeTable(const PlannedTable& planned, const SparseDfa& dfa,
                    const std::vector<uint32_t>& id_of_set) {
  PathTable table;
  table.reverse = planned.reverse;
  table.patterns = planned.patterns;
  table.states = static_cast<uint32_t>(dfa.states());
  const std::vector<uint8_t> columns = MergeColumns(dfa, table.classes);
  for (int b = 1; b < 256; ++b) table.byte_class[b] = columns[dfa.byte_class[b]];
  table.accepts.push_back(0);
  table.next.assign((dfa.states() + 1) * table.classes, 0);
  for (uint32_t state = 0; state < dfa.states(); ++state) {
    table.accepts.push_back(id_of_set[dfa.accept[state]]);
    for (const SparseDfa::Edge& edge : dfa.EdgesOf(state)) {
      table.next[(state + 1) * table.classes + columns[edge.byte_class]] = edge.target + 1;
    }
  }
  return table;
}

// Which of a table's sets belong to a state.
std::vector<bool> UsedSets(const SparseDfa& dfa) {
  std::vector<bool> used(dfa.sets.size(), false);
  for (const uint32_t set : dfa.accept) used[set] = true;
  return used;
}

// Calls `label` for each distinct set, smallest first.
std::map<std::vector<uint32_t>, uint32_t> LabelSets(const TablePlan& plan,
                                                    const AcceptLabel& label) {
  std::map<std::vector<uint32_t>, uint32_t> ids;
  for (const PlannedTable& table : plan.tables) {
    const std::vector<bool> used = UsedSets(table.dfa);
    for (size_t set = 0; set < used.size(); ++set) {
      if (used[set]) ids.emplace(table.dfa.sets[set], 0);
    }
  }
  for (auto& [values, id] : ids) {
    if (!values.empty()) id = label(values);
  }
  return ids;
}

}  // namespace

absl::StatusOr<PathTables> BuildPathTables(absl::Span<const PatternInput> patterns,
                                           const PathTableLimits& limits,
                                           const AcceptLabel& label) {
  Material all = Collect(patterns);
  VARMOR_ASSIGN_OR_RETURN(const TablePlan plan,
                          PlanTables(std::move(all.rows), all.sets, all.texts, limits));
  const std::map<std::vector<uint32_t>, uint32_t> ids = LabelSets(plan, label);
  PathTables out;
  out.work = plan.work;
  for (const PlannedTable& planned : plan.tables) {
    std::vector<uint32_t> id_of_set;
    for (const std::vector<uint32_t>& set : planned.dfa.sets) {
      const auto found = ids.find(set);
      id_of_set.push_back(found == ids.end() ? 0 : found->second);  // else it belongs to no state
    }
    std::vector<uint32_t> state_ids;
    for (const uint32_t set : planned.dfa.accept) state_ids.push_back(id_of_set[set]);
    out.tables.push_back(MakeTable(planned, Minimise(planned.dfa, state_ids), id_of_set));
  }
  return out;
}

uint32_t MatchTable(const PathTable& table, absl::string_view path) {
  uint32_t state = 1;
  for (size_t i = 0; i < path.size() && state != 0; ++i) {
    const auto byte = static_cast<uint8_t>(table.reverse ? path[path.size() - 1 - i] : path[i]);
    if (byte == 0) return 0;
    state = table.next[state * table.classes + table.byte_class[byte]];
  }
  return table.accepts[state];
}

}  // namespace varmor
