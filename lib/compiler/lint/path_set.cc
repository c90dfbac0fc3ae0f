#include "lib/compiler/lint/path_set.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "lib/compiler/apparmor/aare.h"
#include "lib/compiler/automaton/glob.h"
#include "lib/compiler/lint/pattern_automaton.h"

namespace varmor {
namespace {

// A short accepted path, of readable bytes where there is a choice; "" when there is none.
std::string SampleOf(const AareNfa& nfa) {
  struct Step {
    int from = -1;
    uint8_t byte = 0;
  };
  const auto readable = [](const AareNfa::Bytes& bytes) {
    for (const char c : {'x', '1', '/'}) {
      if (bytes[static_cast<uint8_t>(c)]) return static_cast<uint8_t>(c);
    }
    return static_cast<uint8_t>(bytes._Find_next(0));
  };
  const std::vector<std::vector<AareNfa::Edge>>& edges = nfa.edges();
  std::vector<Step> reached(edges.size());
  std::vector<bool> seen(edges.size());
  std::vector<int> open = {0};
  seen[0] = true;
  for (size_t i = 0; i < open.size(); ++i) {
    const int state = open[i];
    if (nfa.accepts(state)) {
      std::string path;
      for (int at = state; at != 0; at = reached[at].from) {
        path += static_cast<char>(reached[at].byte);
      }
      std::reverse(path.begin(), path.end());
      return path;
    }
    for (const AareNfa::Edge& edge : edges[state]) {
      if (seen[edge.to] || edge.bytes.none()) continue;
      seen[edge.to] = true;
      reached[edge.to] = {state, readable(edge.bytes)};
      open.push_back(edge.to);
    }
  }
  return "";
}

void SetAutomaton(std::optional<AareNfa> nfa, PathSet& set) {
  if (!nfa.has_value()) return;
  set.sample = SampleOf(*nfa);
  set.automaton = std::make_shared<const AareNfa>(*std::move(nfa));
}

// Cheap, and enough for nearly all pairs of rules.
bool CanBeAmong(const PathSet& outer, const PathSet& inner) {
  return outer.automaton != nullptr && absl::StartsWith(inner.prefix, outer.prefix) &&
         absl::EndsWith(inner.sample, outer.suffix) &&
         (!outer.exact || inner.sample == outer.sample);
}

}  // namespace

PathSet BpfPathSet(const PathPattern& pattern) {
  PathSet set;
  set.text = pattern.text();
  if (pattern.root() != nullptr && !pattern.root()->rows.empty()) {
    const std::vector<GlobRow>& rows = pattern.root()->rows;
    size_t length = 0;
    const auto same = [&rows, &length](const GlobRow& row) {
      return length < row.size() && row[length].kind == GlobAtom::Kind::kByte &&
             row[length] == rows[0][length];
    };
    while (length < rows[0].size() && std::all_of(rows.begin(), rows.end(), same)) {
      set.prefix += static_cast<char>(rows[0][length++].byte);
    }
    set.exact = rows.size() == 1 && length == rows[0].size();
    if (rows.size() == 1) {
      for (auto atom = rows[0].rbegin(); atom != rows[0].rend(); ++atom) {
        if (atom->kind != GlobAtom::Kind::kByte) break;
        set.suffix.insert(set.suffix.begin(), static_cast<char>(atom->byte));
      }
    }
    // X**Y: the paths begin with X, but Y may begin inside it; that does not matter here.
  }
  set.ancestors = pattern.LiteralAncestors();
  SetAutomaton(PatternAutomaton(pattern), set);
  return set;
}

PathSet AppArmorPathSet(absl::string_view pattern) {
  PathSet set;
  set.text = std::string(pattern);
  const std::optional<std::string> expanded =
      SubstituteAareVariables(pattern.empty() ? "/{,**}" : pattern, GlobalAppArmorVariableValues());
  if (!expanded.has_value()) return set;
  const std::vector<AareSymbol> symbols = DecodeAare(*expanded);
  const auto is_special = [](const AareSymbol& symbol) {
    return !symbol.literal && absl::string_view("*?[{]}").find(static_cast<char>(symbol.byte)) !=
                                  absl::string_view::npos;
  };
  for (const AareSymbol& symbol : symbols) {
    if (is_special(symbol)) break;
    set.prefix += static_cast<char>(symbol.byte);
  }
  for (auto symbol = symbols.rbegin(); symbol != symbols.rend() && !is_special(*symbol); ++symbol) {
    set.suffix.insert(set.suffix.begin(), static_cast<char>(symbol->byte));
  }
  set.exact = set.prefix.size() == symbols.size();
  SetAutomaton(AareNfa::Build(*expanded), set);
  return set;
}

bool LintBudget::Take() {
  if (comparisons == 0) {
    exhausted = true;
    return false;
  }
  --comparisons;
  return true;
}

bool CoversPaths(const std::vector<const PathSet*>& outer, const PathSet& inner,
                 LintBudget& budget) {
  if (inner.automaton == nullptr) return false;
  std::vector<const AareNfa*> cover;
  bool sampled = false;
  for (const PathSet* set : outer) {
    if (outer.size() == 1 ? !CanBeAmong(*set, inner) : set->automaton == nullptr) continue;
    if (!budget.Take()) return false;
    const bool holds_sample = set->Matches(inner.sample);
    if (holds_sample && inner.exact) return true;
    sampled |= holds_sample;
    cover.push_back(set->automaton.get());
  }
  if (!sampled || inner.exact || !budget.Take()) return false;
  return AareCovers(cover, *inner.automaton).value_or(false);
}

bool SharePaths(const PathSet& a, const PathSet& b, LintBudget& budget) {
  if (a.automaton == nullptr || b.automaton == nullptr) return false;
  if (!absl::StartsWith(a.prefix, b.prefix) && !absl::StartsWith(b.prefix, a.prefix)) return false;
  return budget.Take() && AareOverlap(*a.automaton, *b.automaton).value_or(false);
}

}  // namespace varmor
