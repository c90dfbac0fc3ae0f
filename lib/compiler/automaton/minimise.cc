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
    std::iota(elements_.begin(), elements_.end(), 0);
    std::stable_sort(elements_.begin(), elements_.end(),
                     [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });
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

std::vector<uint32_t> EdgeSources(const SparseDfa& dfa) {
  std::vector<uint32_t> sources(dfa.edges.size());
  for (uint32_t state = 0; state < dfa.states(); ++state) {
    std::fill(sources.begin() + dfa.first[state], sources.begin() + dfa.first[state + 1], state);
  }
  return sources;
}

// Edge numbers ordered by target; those into state s are [first[s], first[s + 1]).
struct Incoming {
  explicit Incoming(const SparseDfa& dfa) : first(dfa.states() + 2, 0), edges(dfa.edges.size()) {
    for (const SparseDfa::Edge& edge : dfa.edges) ++first[edge.target + 2];
    std::partial_sum(first.begin(), first.end(), first.begin());
    for (uint32_t i = 0; i < edges.size(); ++i) edges[first[dfa.edges[i].target + 1]++] = i;
  }

  std::vector<uint32_t> first;
  std::vector<uint32_t> edges;
};

// Block of each state in the coarsest partition that respects labels and edges.
Partition Refine(const SparseDfa& dfa, const std::vector<uint32_t>& label) {
  const std::vector<uint32_t> sources = EdgeSources(dfa);
  const Incoming incoming(dfa);
  std::vector<uint32_t> classes(dfa.edges.size());
  for (size_t i = 0; i < classes.size(); ++i) classes[i] = dfa.edges[i].byte_class;

  Partition states(label);
  Partition edges(classes);
  // An edge block holds edges of one class into one state block, and splits the states they leave.
  uint32_t next_state_block = 1;
  for (uint32_t edge_block = 0; edge_block < edges.blocks(); ++edge_block) {
    for (uint32_t i = edges.Begin(edge_block); i < edges.End(edge_block); ++i) {
      states.Mark(sources[edges.At(i)]);
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
  out.sets = dfa.sets;
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
