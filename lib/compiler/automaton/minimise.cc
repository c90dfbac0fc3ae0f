#include "lib/compiler/automaton/minimise.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "absl/types/span.h"

namespace varmor {
namespace {

constexpr uint32_t kNone = ~uint32_t{0};

// A partition of 0 .. n-1 into blocks that can be refined: mark elements, then split off the marked
// part of every block that has marked and unmarked ones.
class Partition {
 public:
  // One block per distinct key, ordered by key.
  explicit Partition(const std::vector<uint32_t>& keys)
      : elements_(keys.size()), place_(keys.size()), block_(keys.size()) {
    // By counting: keys are small numbers.
    std::vector<uint32_t> next(keys.empty() ? 1 : *std::max_element(keys.begin(), keys.end()) + 2);
    for (const uint32_t key : keys) ++next[key + 1];
    std::partial_sum(next.begin(), next.end(), next.begin());
    for (uint32_t i = 0; i < keys.size(); ++i) elements_[next[keys[i]]++] = i;
    for (uint32_t i = 0; i < elements_.size(); ++i) {
      if (i == 0 || keys[elements_[i]] != keys[elements_[i - 1]]) blocks_.push_back({i, i, 0});
      ++blocks_.back().end;
      place_[elements_[i]] = i;
      block_[elements_[i]] = static_cast<uint32_t>(blocks_.size() - 1);
    }
  }

  size_t blocks() const { return blocks_.size(); }
  uint32_t BlockOf(uint32_t element) const { return block_[element]; }
  uint32_t Begin(uint32_t block) const { return blocks_[block].begin; }
  uint32_t End(uint32_t block) const { return blocks_[block].end; }
  uint32_t At(uint32_t place) const { return elements_[place]; }

  void Mark(uint32_t element) {
    Block& block = blocks_[block_[element]];
    const uint32_t to = block.begin + block.marked;
    if (place_[element] < to) return;  // already
    if (block.marked++ == 0) touched_.push_back(block_[element]);
    const uint32_t other = elements_[to];
    std::swap(elements_[to], elements_[place_[element]]);
    std::swap(place_[other], place_[element]);
  }

  // The smaller part gets the new number, which is what bounds the total cost.
  void Split() {
    for (const uint32_t number : touched_) {
      Block& block = blocks_[number];
      const uint32_t middle = block.begin + block.marked;
      block.marked = 0;
      if (middle == block.end) continue;
      Block part = block;
      if (middle - block.begin <= block.end - middle) {
        part.end = block.begin = middle;
      } else {
        part.begin = block.end = middle;
      }
      for (uint32_t i = part.begin; i < part.end; ++i) {
        block_[elements_[i]] = static_cast<uint32_t>(blocks_.size());
      }
      blocks_.push_back(part);
    }
    touched_.clear();
  }

 private:
  struct Block {
    uint32_t begin, end, marked;
  };

  std::vector<uint32_t> elements_;
  std::vector<uint32_t> place_;
  std::vector<uint32_t> block_;
  std::vector<Block> blocks_;
  std::vector<uint32_t> touched_;
};

struct Edge {
  uint32_t source, target;
};

// Edge numbers ordered by target; those into state s are [first[s], first[s + 1]).
struct Incoming {
  Incoming(const std::vector<Edge>& all, size_t states) : first(states + 2, 0), edges(all.size()) {
    for (const Edge& edge : all) ++first[edge.target + 2];
    std::partial_sum(first.begin(), first.end(), first.begin());
    for (uint32_t i = 0; i < edges.size(); ++i) edges[first[all[i].target + 1]++] = i;
  }

  std::vector<uint32_t> first;
  std::vector<uint32_t> edges;
};

// The circles of states, each after all that it leads to; most are single states. After R. Tarjan,
// "Depth-first search and linear graph algorithms" (1972).
struct Circles {
  explicit Circles(const SparseDfa& dfa) : of(dfa.states(), kNone) {
    struct Step {
      uint32_t state, edge;
    };
    std::vector<uint32_t> place(dfa.states(), 0);  // in the order of entering, from 1
    std::vector<uint32_t> lowest(dfa.states());    // place among what the state reaches
    std::vector<uint32_t> open;
    std::vector<Step> path;
    uint32_t entered = 0;
    const auto enter = [&](uint32_t state) {
      place[state] = lowest[state] = ++entered;
      open.push_back(state);
      path.push_back({state, dfa.first[state]});
    };
    enter(0);
    while (!path.empty()) {
      const uint32_t state = path.back().state;
      if (path.back().edge < dfa.first[state + 1]) {
        const uint32_t target = dfa.edges[path.back().edge++].target;
        if (place[target] == 0) {
          enter(target);
        } else if (of[target] == kNone) {
          lowest[state] = std::min(lowest[state], place[target]);
        }
        continue;
      }
      path.pop_back();
      if (!path.empty()) {
        uint32_t& parent = lowest[path.back().state];
        parent = std::min(parent, lowest[state]);
      }
      if (lowest[state] != place[state]) continue;
      const auto begin = std::find(open.rbegin(), open.rend(), state).base() - 1;
      for (auto it = begin; it != open.end(); ++it) of[*it] = static_cast<uint32_t>(size());
      states.insert(states.end(), begin, open.end());
      first.push_back(static_cast<uint32_t>(states.size()));
      open.erase(begin, open.end());
    }
  }

  size_t size() const { return first.size() - 1; }
  absl::Span<const uint32_t> operator[](size_t circle) const {
    return absl::MakeConstSpan(states).subspan(first[circle], first[circle + 1] - first[circle]);
  }

  // Number of each state's circle.
  std::vector<uint32_t> of;
  // Those of circle c: [first[c], first[c + 1]).
  std::vector<uint32_t> states;
  std::vector<uint32_t> first = {0};
};

// Merges states bottom up: equal ones have equal labels and edges to the same merged states, or all
// to themselves.
class Merger {
 public:
  Merger(const SparseDfa& dfa, const std::vector<uint32_t>& label)
      : dfa_(dfa),
        label_(label),
        merged_(label),
        base_(*std::max_element(label.begin(), label.end()) + 1),
        loops_(dfa.states(), false) {
    size_t size = 16;
    while (size < dfa.states() * 2) size *= 2;
    slots_.assign(size, kNone);
    const Circles circles(dfa);
    for (size_t i = 0; i < circles.size(); ++i) Merge(circles, i);
  }

  // Whether every state is merged. What is not are circles that do not collapse to one state, and
  // what leads to them: no such state is equal to a merged one.
  bool complete() const { return complete_; }
  bool IsMerged(uint32_t state) const { return merged_[state] >= base_; }
  // Equal for states merged into one; of the others their label.
  const std::vector<uint32_t>& numbers() const { return merged_; }

 private:
  void Merge(const Circles& circles, size_t number) {
    const absl::Span<const uint32_t> circle = circles[number];
    // The loops that the circle leads to: one of them may be equal to it.
    outside_.clear();
    for (const uint32_t state : circle) {
      for (const SparseDfa::Edge& edge : dfa_.EdgesOf(state)) {
        if (circles.of[edge.target] == number) continue;
        if (!IsMerged(edge.target)) return Leave(circle);
        const uint32_t other = merged_[edge.target] - base_;
        if (loops_[other] && label_[other] == label_[circle[0]]) outside_.push_back(other);
      }
    }
    std::sort(outside_.begin(), outside_.end());
    outside_.erase(std::unique(outside_.begin(), outside_.end()), outside_.end());
    // If it is, the circle leads to no more states than that loop does. This bounds the cost.
    if (outside_.size() > dfa_.classes) outside_.clear();
    for (const uint32_t other : outside_) {
      if (Fits(circle, other)) return;
    }
    if (!Fits(circle, circle[0])) return Leave(circle);
    size_t slot = Hash(circle[0]) & (slots_.size() - 1);
    while (slots_[slot] != kNone) {
      if (Fits(circle, slots_[slot])) return;
      slot = (slot + 1) & (slots_.size() - 1);
    }
    slots_[slot] = circle[0];
    SetAll(circle, base_ + circle[0]);
    const auto edges = dfa_.EdgesOf(circle[0]);
    loops_[circle[0]] = std::any_of(edges.begin(), edges.end(), [&](const SparseDfa::Edge& edge) {
      return merged_[edge.target] == merged_[circle[0]];
    });
  }

  void Leave(absl::Span<const uint32_t> circle) {
    for (const uint32_t state : circle) merged_[state] = label_[state];
    complete_ = false;
  }

  void SetAll(absl::Span<const uint32_t> circle, uint32_t number) {
    for (const uint32_t state : circle) merged_[state] = number;
  }

  // Merges `circle` with `other`; whether that is right.
  bool Fits(absl::Span<const uint32_t> circle, uint32_t other) {
    SetAll(circle, base_ + other);
    return std::all_of(circle.begin(), circle.end(),
                       [&](uint32_t state) { return Equal(state, other); });
  }

  bool Equal(uint32_t a, uint32_t b) const {
    const auto of_a = dfa_.EdgesOf(a), of_b = dfa_.EdgesOf(b);
    if (a == b) return true;
    if (label_[a] != label_[b] || of_a.size() != of_b.size()) return false;
    for (size_t i = 0; i < of_a.size(); ++i) {
      if (of_a[i].byte_class != of_b[i].byte_class) return false;
      if (merged_[of_a[i].target] != merged_[of_b[i].target]) return false;
    }
    return true;
  }

  uint64_t Hash(uint32_t state) const {
    uint64_t hash = label_[state] + 1;
    for (const SparseDfa::Edge& edge : dfa_.EdgesOf(state)) {
      const uint32_t target = merged_[edge.target];
      hash ^= uint64_t{target == merged_[state] ? kNone : target} << 8 | edge.byte_class;
      hash *= 0xff51afd7ed558ccd;
      hash ^= hash >> 31;
    }
    return hash;
  }

  const SparseDfa& dfa_;
  const std::vector<uint32_t>& label_;
  // base_ + a state that stands for all that are equal to it.
  std::vector<uint32_t> merged_;
  const uint32_t base_;
  bool complete_ = true;
  std::vector<uint32_t> slots_;
  // Of states that stand for others: whether they lead to themselves.
  std::vector<bool> loops_;
  std::vector<uint32_t> outside_;
};

// The coarsest partition of the states that respects labels and edges.
Partition Refine(const SparseDfa& dfa, const Merger& merger) {
  // Merged states are told apart by their numbers alone, so their edges are of no interest.
  Partition states(merger.numbers());
  std::vector<Edge> all;
  std::vector<uint32_t> classes;
  for (uint32_t state = 0; state < dfa.states(); ++state) {
    if (merger.IsMerged(state)) continue;
    for (const SparseDfa::Edge& edge : dfa.EdgesOf(state)) {
      all.push_back({state, edge.target});
      classes.push_back(edge.byte_class);
    }
  }
  const Incoming incoming(all, dfa.states());
  Partition edges(classes);
  // An edge block holds edges of one class into one state block, and splits the states they leave.
  uint32_t next_state_block = 1;
  for (uint32_t edge_block = 0; edge_block < edges.blocks(); ++edge_block) {
    for (uint32_t i = edges.Begin(edge_block); i < edges.End(edge_block); ++i) {
      states.Mark(all[edges.At(i)].source);
    }
    states.Split();
    for (; next_state_block < states.blocks(); ++next_state_block) {
      for (uint32_t i = states.Begin(next_state_block); i < states.End(next_state_block); ++i) {
        const uint32_t state = states.At(i);
        for (uint32_t j = incoming.first[state]; j < incoming.first[state + 1]; ++j) {
          edges.Mark(incoming.edges[j]);
        }
      }
      edges.Split();
    }
  }
  return states;
}

// A number per state, the same for states that cannot be told apart.
std::vector<uint32_t> Blocks(const SparseDfa& dfa, const std::vector<uint32_t>& label) {
  const Merger merger(dfa, label);
  if (merger.complete()) return merger.numbers();
  const Partition partition = Refine(dfa, merger);
  std::vector<uint32_t> blocks(dfa.states());
  for (uint32_t state = 0; state < dfa.states(); ++state) blocks[state] = partition.BlockOf(state);
  return blocks;
}

}  // namespace

SparseDfa Minimise(const SparseDfa& dfa, const std::vector<uint32_t>& label) {
  const std::vector<uint32_t> blocks = Blocks(dfa, label);
  SparseDfa out;
  out.byte_class = dfa.byte_class;
  out.classes = dfa.classes;
  out.edges.reserve(dfa.edges.size());
  std::vector<uint32_t> number(*std::max_element(blocks.begin(), blocks.end()) + 1, kNone);
  std::vector<uint32_t> queue = {0};  // one state of `dfa` per new state
  number[blocks[0]] = 0;
  for (size_t i = 0; i < queue.size(); ++i) {
    for (const SparseDfa::Edge& edge : dfa.EdgesOf(queue[i])) {
      uint32_t& target = number[blocks[edge.target]];
      if (target == kNone) {
        target = static_cast<uint32_t>(queue.size());
        queue.push_back(edge.target);
      }
      out.edges.push_back({target, edge.byte_class});
    }
    out.first.push_back(static_cast<uint32_t>(out.edges.size()));
    out.accept.push_back(dfa.accept[queue[i]]);
  }
  return out;
}

}  // namespace varmor
