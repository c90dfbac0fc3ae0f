#include "lib/compiler/automaton/table_plan.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/automaton/minimise.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/mistake.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

using Kind = GlobAtom::Kind;
using Rows = std::vector<TableRow>;

// The subset construction may pass through more states than the minimal automaton has.
constexpr size_t kStatesBeforeMinimising = 4;
// A table with fewer states than this many per byte of its rows is a trie: cutting it saves
// nothing.
constexpr size_t kTrieStatesPerAtom = 2;

bool IsByte(const GlobAtom& atom) { return atom.kind == Kind::kByte; }
bool SpansSlashes(const GlobAtom& atom) {
  return atom.kind == Kind::kDoubleStar || atom.kind == Kind::kOverlap ||
         atom.kind == Kind::kDirectories;
}

// Begins with "/" and a literal byte.
bool IsAnchored(const GlobRow& row) {
  return row.size() >= 2 && IsByte(row[0]) && row[0].byte == '/' && IsByte(row[1]);
}

// Crosses directories before its end.
bool HasInnerDoubleStar(const TableRow& row) {
  return !row.atoms.empty() &&
         std::any_of(row.atoms.begin(), std::prev(row.atoms.end()), SpansSlashes);
}

uint64_t Atoms(const Rows& rows) {
  uint64_t atoms = 0;
  for (const TableRow& row : rows) atoms += row.atoms.size() + 1;
  return atoms;
}

// Ascending.
std::vector<uint32_t> PatternsOf(const Rows& rows) {
  std::vector<uint32_t> patterns;
  patterns.reserve(rows.size());
  for (const TableRow& row : rows) patterns.push_back(row.pattern);
  std::sort(patterns.begin(), patterns.end());
  patterns.erase(std::unique(patterns.begin(), patterns.end()), patterns.end());
  return patterns;
}

Rows Reversed(Rows rows) {
  for (TableRow& row : rows) std::reverse(row.atoms.begin(), row.atoms.end());
  std::sort(rows.begin(), rows.end());
  return rows;
}

// `count` parts of about equal length; neighbours, which share their beginnings, stay together.
std::vector<Rows> Cut(const Rows& rows, size_t count) {
  count = std::min(count, rows.size());
  std::vector<Rows> parts;
  for (size_t i = 0; i < count; ++i) {
    parts.emplace_back(rows.begin() + rows.size() * i / count,
                       rows.begin() + rows.size() * (i + 1) / count);
  }
  return parts;
}

class Planner {
 public:
  Planner(absl::Span<const ByteSet> sets, absl::Span<const absl::string_view> texts,
          const PathTableLimits& limits, uint64_t atoms)
      : sets_(sets), texts_(texts), limits_(limits) {
    work_left_ = limits.attempts * std::max(limits.work, limits.work_per_byte * atoms);
  }

  absl::StatusOr<TablePlan> Plan(Rows anchored, Rows floating, Rows rest) && {
    std::sort(anchored.begin(), anchored.end());
    std::sort(rest.begin(), rest.end());
    VARMOR_RETURN_IF_ERROR(PlaceAnchored(std::move(anchored)));
    VARMOR_RETURN_IF_ERROR(Place(Reversed(std::move(floating)), true));
    VARMOR_RETURN_IF_ERROR(Place(std::move(rest), false));
    return std::move(plan_);
  }

 private:
  // What became of an attempt: a table, or how many parts to try next.
  struct Attempt {
    std::optional<PlannedTable> table;
    size_t parts = 2;
  };

  // Rows with a "**" inside multiply each other's states; the others are a trie, whatever their
  // number.
  absl::Status PlaceAnchored(Rows rows) {
    const auto spanning = std::count_if(rows.begin(), rows.end(), HasInnerDoubleStar);
    if (spanning == 0 || static_cast<size_t>(spanning) == rows.size()) {
      return Place(std::move(rows), false);
    }
    Attempt together = Build(rows, false);
    if (together.table.has_value() && !Exploded(rows, *together.table)) {
      return Keep(rows, *std::move(together.table));
    }
    const auto inner = std::stable_partition(
        rows.begin(), rows.end(), [](const TableRow& row) { return !HasInnerDoubleStar(row); });
    VARMOR_RETURN_IF_ERROR(Place(Rows(rows.begin(), inner), false));
    return Place(Rows(inner, rows.end()), false);
  }

  // Adds one table for `rows`, or several.
  absl::Status Place(Rows rows, bool reverse) {
    if (rows.empty()) return absl::OkStatus();
    Attempt whole = Build(rows, reverse);
    if (whole.table.has_value() && !Exploded(rows, *whole.table)) {
      return Keep(rows, *std::move(whole.table));
    }
    if (rows.size() == 1) {
      if (!whole.table.has_value()) whole = Build(Reversed(rows), !reverse);
      if (!whole.table.has_value()) return DoesNotFit();
      return Keep(rows, *std::move(whole.table));
    }
    std::vector<Rows> parts = Cut(rows, whole.parts);
    if (whole.table.has_value() && !PartsAreSmaller(parts, *whole.table)) {
      return Keep(rows, *std::move(whole.table));
    }
    for (Rows& part : parts) VARMOR_RETURN_IF_ERROR(Place(std::move(part), reverse));
    return absl::OkStatus();
  }

  // More tables cost every path more looks: worth it only if the whole is much larger than its
  // parts.
  bool PartsAreSmaller(const std::vector<Rows>& parts, const PlannedTable& whole) {
    size_t states = 0;
    for (const Rows& part : parts) {
      const Attempt attempt = Build(part, whole.reverse);
      if (!attempt.table.has_value()) return false;
      // A small part is kept as the subset construction left it; `whole` is minimal.
      const SparseDfa& dfa = attempt.table->dfa;
      states += Minimise(dfa, dfa.accept).states();
    }
    return states * 2 <= whole.dfa.states();
  }

  absl::Status Keep(const Rows& rows, PlannedTable table) {
    if (plan_.tables.size() == limits_.max_tables) {
      if (too_much_.empty()) too_much_ = rows;
      return DoesNotFit();
    }
    plan_.tables.push_back(std::move(table));
    return absl::OkStatus();
  }

  // No table when the automaton is too large, or takes too long to find out.
  Attempt Build(const Rows& rows, bool reverse) {
    DeterminiseLimits limits;
    limits.states = limits_.hard_states * kStatesBeforeMinimising;
    limits.work = std::max(limits_.work, limits_.work_per_byte * Atoms(rows));
    const bool last = limits.work >= work_left_;
    limits.work = std::min(limits.work, work_left_);
    const uint64_t before = plan_.work;
    std::optional<SparseDfa> dfa = Determinise(BuildNfa(rows, sets_), rows, limits, plan_.work);
    work_left_ -= std::min(work_left_, plan_.work - before);
    Attempt attempt;
    PlannedTable table;
    if (dfa.has_value()) {
      // What is small enough as it is needs no better answer.
      if (dfa->states() > std::min(limits_.soft_states, limits_.hard_states)) {
        SparseDfa minimal = Minimise(*dfa, dfa->accept);
        minimal.sets = std::move(dfa->sets);
        *dfa = std::move(minimal);
      }
      table.dfa = *std::move(dfa);
      attempt.parts = table.dfa.states() / limits_.hard_states + 2;
    }
    if (!dfa.has_value() || table.dfa.states() > limits_.hard_states) {
      if (!last || too_much_.empty()) too_much_ = rows;
      return attempt;
    }
    table.reverse = reverse;
    table.patterns = static_cast<uint32_t>(PatternsOf(rows).size());
    attempt.table = std::move(table);
    return attempt;
  }

  bool Exploded(const Rows& rows, const PlannedTable& table) const {
    return table.dfa.states() > limits_.soft_states &&
           table.dfa.states() > kTrieStatesPerAtom * Atoms(rows);
  }

  absl::Status DoesNotFit() const {
    constexpr size_t kNamed = 5;
    const std::vector<uint32_t> patterns = PatternsOf(too_much_);
    std::vector<std::string> named;
    for (const uint32_t pattern : patterns) {
      if (named.size() == kNamed) break;
      named.push_back(Quoted(texts_[pattern]));
    }
    std::string list = absl::StrJoin(named, ", ");
    if (patterns.size() > kNamed)
      absl::StrAppend(&list, " and ", patterns.size() - kNamed, " more");
    const bool one = patterns.size() == 1;
    return MistakeStatus(
        absl::StatusCode::kResourceExhausted,
        absl::StrCat(one ? "pattern " : "patterns ", list, one ? " needs" : " together need",
                     " more states than fit the ", limits_.max_tables, " tables of ",
                     limits_.hard_states),
        absl::StrCat("use fewer wildcards in ",
                     one ? "it" : "each, or move some to another policy"));
  }

  const absl::Span<const ByteSet> sets_;
  const absl::Span<const absl::string_view> texts_;
  const PathTableLimits& limits_;
  uint64_t work_left_ = 0;
  TablePlan plan_;
  // The rows of the last attempt that failed for their own sake, not for want of work.
  Rows too_much_;
};

}  // namespace

absl::StatusOr<TablePlan> PlanTables(std::vector<TableRow> rows, absl::Span<const ByteSet> sets,
                                     absl::Span<const absl::string_view> texts,
                                     const PathTableLimits& limits) {
  const uint64_t atoms = Atoms(rows);
  Rows anchored, floating, rest;
  for (TableRow& row : rows) {
    if (row.atoms.empty() || IsAnchored(row.atoms)) {
      anchored.push_back(std::move(row));
    } else if (IsByte(row.atoms.back())) {
      floating.push_back(std::move(row));
    } else {
      rest.push_back(std::move(row));
    }
  }
  return Planner(sets, texts, limits, atoms)
      .Plan(std::move(anchored), std::move(floating), std::move(rest));
}

}  // namespace varmor
