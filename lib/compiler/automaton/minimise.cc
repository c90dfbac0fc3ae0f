#include "lib/compiler/automaton/minimise.h"

#include <algorithm>
#include <numeric>

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

// States from which only finitely many strings are accepted, each after all that it leads to. Where
// there is no wildcard that repeats, that is all of them.
std::vector<uint32_t> FiniteStates(const SparseDfa& dfa) {
  std::vector<Edge> edges;
  edges.reserve(dfa.edges.size());
  std::vector<uint32_t> open(dfa.states());  // edges whose target is not known to be finite
  std::vector<uint32_t> finite;
  for (uint32_t state = 0; state < dfa.states(); ++state) {
    for (const SparseDfa::Edge& edge : dfa.EdgesOf(state)) edges.push_back({state, edge.target});
    open[state] = dfa.first[state + 1] - dfa.first[state];
    if (open[state] == 0) finite.push_back(state);
  }
  const Incoming incoming(edges, dfa.states());
  for (size_t i = 0; i < finite.size(); ++i) {
    for (uint32_t j = incoming.first[finite[i]]; j < incoming.first[finite[i] + 1]; ++j) {
      const uint32_t source = edges[incoming.edges[j]].source;
      if (--open[source] == 0) finite.push_back(source);
    }
  }
  return finite;
}

// Merges finite states bottom up: equal ones have equal labels and edges to the same merged states.
// Returns a label per state: of finite ones their merged state, of the others their old one, and
// marks the finite ones in `is_finite`.
std::vector<uint32_t> MergeFinite(const SparseDfa& dfa, const std::vector<uint32_t>& label,
                                  std::vector<bool>& is_finite) {
  const std::vector<uint32_t> finite = FiniteStates(dfa);
  std::vector<uint32_t> merged = label;
  is_finite.assign(dfa.states(), false);
  size_t size = 16;
  while (size < finite.size() * 2) size *= 2;
  std::vector<uint32_t> slots(size, kNone);
  const auto hash = [&](uint32_t state) {
    uint64_t h = label[state] + 1;
    for (const SparseDfa::Edge& edge : dfa.EdgesOf(state)) {
      h = (h ^ edge.byte_class) * 0xff51afd7ed558ccd;
      h = (h ^ merged[edge.target]) * 0xc4ceb9fe1a85ec53;
      h ^= h >> 31;
    }
    return h;
  };
  const auto equal = [&](uint32_t a, uint32_t b) {
    const auto of_a = dfa.EdgesOf(a), of_b = dfa.EdgesOf(b);
    if (label[a] != label[b] || of_a.size() != of_b.size()) return false;
    for (size_t i = 0; i < of_a.size(); ++i) {
      if (of_a[i].byte_class != of_b[i].byte_class) return false;
      if (merged[of_a[i].target] != merged[of_b[i].target]) return false;
    }
    return true;
  };
  const uint32_t base = *std::max_element(label.begin(), label.end()) + 1;
  for (const uint32_t state : finite) {
    size_t slot = hash(state) & (size - 1);
    while (slots[slot] != kNone && !equal(slots[slot], state)) slot = (slot + 1) & (size - 1);
    if (slots[slot] == kNone) slots[slot] = state;
    merged[state] = base + slots[slot];
    is_finite[state] = true;
  }
  return merged;
}

// The coarsest partition of the states that respects labels and edges.
Partition Refine(const SparseDfa& dfa, const std::vector<uint32_t>& label) {
  // Finite states are told apart by their new labels alone, so their edges are of no interest.
  std::vector<bool> is_finite;
  Partition states(MergeFinite(dfa, label, is_finite));
  std::vector<Edge> all;
  std::vector<uint32_t> classes;
  all.reserve(dfa.edges.size());
  classes.reserve(dfa.edges.size());
  for (uint32_t state = 0; state < dfa.states(); ++state) {
    if (is_finite[state]) continue;
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

}  // namespace

SparseDfa Minimise(const SparseDfa& dfa, const std::vector<uint32_t>& label) {
  const Partition blocks = Refine(dfa, label);
  SparseDfa out;
  out.byte_class = dfa.byte_class;
  out.classes = dfa.classes;
  std::vector<uint32_t> number(blocks.blocks(), kNone);
  std::vector<uint32_t> queue = {0};  // one state of `dfa` per new state
  number[blocks.BlockOf(0)] = 0;
  for (size_t i = 0; i < queue.size(); ++i) {
    for (const SparseDfa::Edge& edge : dfa.EdgesOf(queue[i])) {
      uint32_t& target = number[blocks.BlockOf(edge.target)];
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
