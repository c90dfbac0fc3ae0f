#include "lib/compiler/automaton/determinise.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace varmor {
namespace {

using Loop = NfaNode::Loop;
using Members = std::vector<uint32_t>;

constexpr uint32_t kNone = ~uint32_t{0};
// Decision of a node that no row can be reached from.
constexpr uint32_t kNothing = ~uint32_t{0};

struct Reach {
  void Join(uint32_t other) {
    if (other == kNothing) return;
    decision = decision == kNothing || decision == other ? other : 0;
  }

  // The decision that all rows have which can still match; 0 when they have several, or one has
  // none.
  uint32_t decision = kNothing;
  // Whether one of them may read a "/" on the way.
  bool slash = false;
};

// Interns sorted lists of nodes; list number n becomes state n.
class StateNames {
 public:
  StateNames() : slots_(1024, kNone) {}

  size_t size() const { return first_.size() - 1; }
  absl::Span<const uint32_t> operator[](size_t state) const {
    return absl::MakeConstSpan(arena_).subspan(first_[state], first_[state + 1] - first_[state]);
  }

  uint32_t Intern(const Members& members) {
    if (size() * 2 >= slots_.size()) Grow();
    size_t slot = Hash(members) & (slots_.size() - 1);
    while (slots_[slot] != kNone) {
      if ((*this)[slots_[slot]] == absl::MakeConstSpan(members)) return slots_[slot];
      slot = (slot + 1) & (slots_.size() - 1);
    }
    slots_[slot] = static_cast<uint32_t>(size());
    arena_.insert(arena_.end(), members.begin(), members.end());
    first_.push_back(arena_.size());
    return slots_[slot];
  }

 private:
  static uint64_t Hash(absl::Span<const uint32_t> members) {
    uint64_t hash = 0x9e3779b97f4a7c15;
    for (const uint32_t member : members) {
      hash = (hash ^ member) * 0xff51afd7ed558ccd;
      hash ^= hash >> 32;
    }
    return hash;
  }

  void Grow() {
    slots_.assign(slots_.size() * 2, kNone);
    for (uint32_t state = 0; state < size(); ++state) {
      size_t slot = Hash((*this)[state]) & (slots_.size() - 1);
      while (slots_[slot] != kNone) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = state;
    }
  }

  std::vector<uint32_t> slots_;
  std::vector<uint32_t> arena_;
  std::vector<size_t> first_ = {0};
};

// A decision that is certain, whatever follows: whether for this component only, the lowest value,
// the node.
using Settled = std::tuple<bool, uint32_t, uint32_t>;

class Determiniser {
 public:
  Determiniser(const Nfa& nfa, absl::Span<const TableRow> rows)
      : nfa_(nfa),
        rows_(rows),
        slash_(nfa.byte_class['/']),
        reach_(nfa.nodes.size()),
        marks_(nfa.nodes.size(), 0),
        by_class_(nfa.classes + 1) {
    closures_.reserve(nfa.nodes.size());
    closure_first_.reserve(nfa.nodes.size() + 1);
    for (uint32_t i = 0; i < nfa.nodes.size(); ++i) AddClosure(i);
    ComputeReach();
    out_.byte_class = nfa.byte_class;
    out_.classes = nfa.classes;
    SetNumber({});
  }

  std::optional<SparseDfa> Run(const DeterminiseLimits& limits, uint64_t& work) {
    const absl::Span<const uint32_t> start = Closure(0);
    StateOf(Members(start.begin(), start.end()));
    bool fits = true;
    for (uint32_t state = 0; state < names_.size() && fits; ++state) {
      Expand(state);
      fits = names_.size() <= limits.states && work_ <= limits.work;
    }
    work += work_;
    if (!fits) return std::nullopt;
    return std::move(out_);
  }

 private:
  // Appends the nodes reached from `node` without reading, but for those that only lead on.
  void AddClosure(uint32_t node) {
    if (nfa_.nodes[node].epsilon.empty()) {
      closures_.push_back(node);
      closure_first_.push_back(static_cast<uint32_t>(closures_.size()));
      return;
    }
    Members all = {node};
    for (size_t i = 0; i < all.size(); ++i) {
      for (const uint32_t next : nfa_.nodes[all[i]].epsilon) {
        if (std::find(all.begin(), all.end(), next) == all.end()) all.push_back(next);
      }
    }
    for (const uint32_t member : all) {
      const NfaNode& node = nfa_.nodes[member];
      if (node.loop == Loop::kNone && node.edges.empty() && node.rows.empty()) continue;
      closures_.push_back(member);
    }
    closure_first_.push_back(static_cast<uint32_t>(closures_.size()));
  }

  absl::Span<const uint32_t> Closure(uint32_t node) const {
    const uint32_t first = closure_first_[node];
    return absl::MakeConstSpan(closures_).subspan(first, closure_first_[node + 1] - first);
  }

  // What can still match behind each node.
  void ComputeReach() {
    for (size_t i = nfa_.nodes.size(); i-- > 0;) {
      const NfaNode& node = nfa_.nodes[i];
      Reach& reach = reach_[i];
      reach.slash = node.loop == Loop::kAny;
      for (const uint32_t row : node.rows) reach.Join(rows_[row].decision);
      for (const NfaEdge& edge : node.edges) {
        reach.Join(reach_[edge.target].decision);
        reach.slash = reach.slash || edge.symbol == '/' || reach_[edge.target].slash;
      }
      for (const uint32_t next : node.epsilon) {
        reach.Join(reach_[next].decision);
        reach.slash = reach.slash || reach_[next].slash;
      }
    }
    for (size_t i = 0; i < nfa_.nodes.size(); ++i) reach_[i] = reach_[nfa_.nodes[i].twin];
  }

  void Expand(uint32_t state) {
    out_.accept.push_back(AcceptOf(state));
    any_.clear();
    not_slash_.clear();
    touched_.clear();
    for (const uint32_t member : names_[state]) Follow(member);
    std::sort(touched_.begin(), touched_.end());

    Members rest = any_;
    rest.insert(rest.end(), not_slash_.begin(), not_slash_.end());
    if (rest.empty()) {
      for (const uint8_t byte_class : touched_) Leave(byte_class, by_class_[byte_class]);
    } else {
      LeaveByEveryClass(rest);
    }
    for (const uint8_t byte_class : touched_) by_class_[byte_class].clear();
    out_.first.push_back(static_cast<uint32_t>(out_.edges.size()));
  }

  // Sorts what follows `member` by the classes that lead there.
  void Follow(uint32_t member) {
    const NfaNode& node = nfa_.nodes[member];
    if (node.loop == Loop::kAny) Append(Closure(member), any_);
    if (node.loop == Loop::kNotSlash) Append(Closure(member), not_slash_);
    for (const NfaEdge& edge : node.edges) {
      if (edge.symbol < 256) {
        AppendByClass(nfa_.byte_class[edge.symbol], edge.target);
        continue;
      }
      for (const uint8_t byte_class : nfa_.set_classes[edge.symbol - 256]) {
        AppendByClass(byte_class, edge.target);
      }
    }
  }

  void Append(absl::Span<const uint32_t> more, Members& to) {
    work_ += 1 + more.size();
    to.insert(to.end(), more.begin(), more.end());
  }

  void AppendByClass(uint8_t byte_class, uint32_t target) {
    if (byte_class == 0) return;  // NUL in an exact pattern: no path has it
    if (by_class_[byte_class].empty()) touched_.push_back(byte_class);
    Append(Closure(target), by_class_[byte_class]);
  }

  // Some member loops, so no class is dead (but perhaps "/"). Classes that nothing else follows
  // share one target.
  void LeaveByEveryClass(const Members& rest) {
    uint32_t shared = kNone;
    for (uint32_t c = 1; c <= nfa_.classes; ++c) {
      const auto byte_class = static_cast<uint8_t>(c);
      const Members& loops = byte_class == slash_ ? any_ : rest;
      if (!by_class_[c].empty()) {
        Append(absl::MakeConstSpan(loops), by_class_[c]);
        Leave(byte_class, by_class_[c]);
      } else if (byte_class == slash_) {
        Leave(byte_class, loops);
      } else {
        if (shared == kNone) shared = StateOf(rest);
        ++work_;
        out_.edges.push_back({shared, byte_class});
      }
    }
  }

  void Leave(uint8_t byte_class, const Members& members) {
    if (members.empty()) return;
    out_.edges.push_back({StateOf(members), byte_class});
  }

  // Sorts, drops repetitions and what can no longer change the outcome.
  uint32_t StateOf(const Members& members) {
    work_ += 1 + members.size();
    ++mark_;
    unique_.clear();
    for (const uint32_t member : members) {
      if (marks_[member] == mark_) continue;
      marks_[member] = mark_;
      unique_.push_back(member);
    }
    std::sort(unique_.begin(), unique_.end());
    DropDecided();
    return names_.Intern(unique_);
  }

  // A node that accepts whatever follows settles its decision: of nodes that could only repeat it
  // none is of use any more. One that accepts whatever follows in this component settles it for
  // nodes that do not get past the component either.
  void DropDecided() {
    settled_.clear();
    for (const uint32_t member : unique_) {
      const NfaNode& node = nfa_.nodes[member];
      if (node.loop == Loop::kNone) continue;
      for (const uint32_t row : node.rows) {
        if (rows_[row].decision == 0) continue;
        const Settled settled = {node.loop != Loop::kAny, rows_[row].value, member};
        Settled* earlier = FindSettled(rows_[row].decision);
        if (earlier == nullptr) {
          settled_.emplace_back(rows_[row].decision, settled);
        } else {
          *earlier = std::min(*earlier, settled);
        }
      }
    }
    if (settled_.empty()) return;
    const auto useless = [this](uint32_t member) {
      const Settled* found = FindSettled(reach_[member].decision);
      if (found == nullptr) return false;
      const auto& [component_only, value, by] = *found;
      return by != member && !(component_only && reach_[member].slash);
    };
    unique_.erase(std::remove_if(unique_.begin(), unique_.end(), useless), unique_.end());
  }

  Settled* FindSettled(uint32_t decision) {
    for (auto& [of, settled] : settled_) {
      if (of == decision) return &settled;
    }
    return nullptr;
  }

  // The number of the set of values that match in `state`: of each decision the lowest, and all
  // without one.
  uint32_t AcceptOf(uint32_t state) {
    matched_.clear();
    for (const uint32_t member : names_[state]) {
      for (const uint32_t row : nfa_.nodes[member].rows) {
        matched_.emplace_back(rows_[row].decision, rows_[row].value);
      }
    }
    if (matched_.empty()) return 0;
    std::sort(matched_.begin(), matched_.end());
    std::vector<uint32_t> values;
    for (size_t i = 0; i < matched_.size(); ++i) {
      const auto& [decision, value] = matched_[i];
      if (decision == 0 || i == 0 || matched_[i - 1].first != decision) values.push_back(value);
    }
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return SetNumber(values);
  }

  uint32_t SetNumber(const std::vector<uint32_t>& values) {
    const auto next = static_cast<uint32_t>(out_.sets.size());
    const auto [place, added] = set_numbers_.emplace(values, next);
    if (added) out_.sets.push_back(values);
    return place->second;
  }

  const Nfa& nfa_;
  const absl::Span<const TableRow> rows_;
  const uint8_t slash_;
  // closures_[closure_first_[n]] and on: what node n stands for.
  Members closures_;
  std::vector<uint32_t> closure_first_ = {0};
  std::vector<Reach> reach_;
  StateNames names_;
  std::map<std::vector<uint32_t>, uint32_t> set_numbers_;
  SparseDfa out_;
  uint64_t work_ = 0;

  // Scratch of one step.
  uint32_t mark_ = 0;
  std::vector<uint32_t> marks_;
  Members unique_;
  Members any_;
  Members not_slash_;
  std::vector<Members> by_class_;
  std::vector<uint8_t> touched_;
  std::vector<std::pair<uint32_t, Settled>> settled_;   // by decision; few
  std::vector<std::pair<uint32_t, uint32_t>> matched_;  // decision and value
};

}  // namespace

std::optional<SparseDfa> Determinise(const Nfa& nfa, absl::Span<const TableRow> rows,
                                     const DeterminiseLimits& limits, uint64_t& work) {
  return Determiniser(nfa, rows).Run(limits, work);
}

}  // namespace varmor
