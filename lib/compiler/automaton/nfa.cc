#include "lib/compiler/automaton/nfa.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace varmor {
namespace {

using Kind = GlobAtom::Kind;
using Loop = NfaNode::Loop;

class TrieBuilder {
 public:
  // Makes room for the nodes of `rows`, which are not added yet.
  TrieBuilder(absl::Span<const TableRow> rows, Nfa& nfa) : nodes_(nfa.nodes) {
    size_t nodes = 1;
    for (size_t i = 0; i < rows.size(); ++i) {
      const GlobRow& row = rows[i].atoms;
      for (size_t k = i == 0 ? 0 : Shared(row, rows[i - 1].atoms); k < row.size(); ++k) {
        nodes += row[k].kind == Kind::kDirectories ? 2 : 1;
      }
    }
    nodes_.reserve(nodes);
    path_.push_back(AddNode());
  }

  // Rows must come sorted: what a row shares with earlier ones, it shares with the last one.
  void Add(const GlobRow& row, uint32_t index) {
    const size_t shared = Shared(row, last_);
    path_.resize(shared + 1);
    for (size_t i = shared; i < row.size(); ++i) path_.push_back(AddAtom(path_.back(), row[i]));
    LinkOverlap(row, shared);
    nodes_[path_.back()].rows.push_back(index);
    last_ = row;
  }

 private:
  // How many atoms both rows begin with.
  static size_t Shared(const GlobRow& a, const GlobRow& b) {
    size_t shared = 0;
    while (shared < a.size() && shared < b.size() && a[shared] == b[shared]) ++shared;
    return shared;
  }

  uint32_t AddNode(Loop loop = Loop::kNone) {
    const auto number = static_cast<uint32_t>(nodes_.size());
    nodes_.emplace_back();
    nodes_.back().loop = loop;
    nodes_.back().twin = number;
    return number;
  }

  // Appends `atom` behind `from` and returns the node after it.
  uint32_t AddAtom(uint32_t from, const GlobAtom& atom) {
    switch (atom.kind) {
      case Kind::kByte:
      case Kind::kSet: {
        const uint32_t to = AddNode();
        const uint16_t symbol =
            atom.kind == Kind::kByte ? atom.byte : static_cast<uint16_t>(256 + atom.set);
        nodes_[from].edges.push_back({symbol, to});
        return to;
      }
      case Kind::kDirectories: {
        const uint32_t to = AddNode();
        const uint32_t between = AddNode(Loop::kAny);
        nodes_[from].edges.push_back({'/', to});
        nodes_[to].epsilon.push_back(between);
        nodes_[between].edges.push_back({'/', to});
        nodes_[between].twin = to;
        return to;
      }
      case Kind::kStar:
      case Kind::kDoubleStar:
      case Kind::kOverlap:
        break;
    }
    const uint32_t to = AddNode(atom.kind == Kind::kStar ? Loop::kNotSlash : Loop::kAny);
    nodes_[from].epsilon.push_back(to);
    return to;
  }

  // X**Y: from the end of X straight into Y, behind the bytes that both share. Nodes of an earlier
  // row have their links: they depend on X and on the part of Y before them only.
  void LinkOverlap(const GlobRow& row, size_t shared) {
    const auto star = std::find_if(
        row.begin(), row.end(), [](const GlobAtom& atom) { return atom.kind == Kind::kOverlap; });
    if (star == row.end()) return;
    std::string left, right;
    for (auto it = row.begin(); it != star; ++it) left += static_cast<char>(it->byte);
    for (auto it = star + 1; it != row.end(); ++it) right += static_cast<char>(it->byte);
    for (const size_t length : OverlapLengths(left, right)) {
      const size_t inside = left.size() + 1 + length;
      if (inside > shared) nodes_[path_[left.size()]].epsilon.push_back(path_[inside]);
    }
  }

  std::vector<NfaNode>& nodes_;
  GlobRow last_;
  // path_[i]: the node after the first i atoms of last_.
  std::vector<uint32_t> path_;
};

// Splits the bytes by what the rows look for.
void Classify(absl::Span<const TableRow> rows, absl::Span<const ByteSet> sets, Nfa& nfa) {
  ByteSet alone;
  std::vector<bool> used(sets.size(), false);
  for (const TableRow& row : rows) {
    for (const GlobAtom& atom : row.atoms) {
      if (atom.kind == Kind::kByte) alone.set(atom.byte);
      if (atom.kind == Kind::kSet) used[atom.set] = true;
      if (atom.kind == Kind::kStar || atom.kind == Kind::kDirectories) alone.set('/');
    }
  }
  std::map<std::vector<bool>, uint8_t> class_of;  // of bytes that are in the same sets
  std::vector<bool> in(sets.size(), false);
  for (int b = 1; b < 256; ++b) {
    const auto next = static_cast<uint8_t>(nfa.classes + 1);
    for (size_t i = 0; i < sets.size(); ++i) in[i] = used[i] && sets[i][b];
    nfa.byte_class[b] = alone[b] ? next : class_of.emplace(in, next).first->second;
    nfa.classes = std::max<uint32_t>(nfa.classes, nfa.byte_class[b]);
  }
  nfa.set_classes.resize(sets.size());
  for (size_t i = 0; i < sets.size(); ++i) {
    if (!used[i]) continue;
    std::vector<uint8_t>& classes = nfa.set_classes[i];
    for (int b = 1; b < 256; ++b) {
      if (sets[i][b]) classes.push_back(nfa.byte_class[b]);
    }
    std::sort(classes.begin(), classes.end());
    classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  }
}

}  // namespace

Nfa BuildNfa(absl::Span<const TableRow> rows, absl::Span<const ByteSet> sets) {
  Nfa nfa;
  Classify(rows, sets, nfa);
  TrieBuilder trie(rows, nfa);
  for (size_t i = 0; i < rows.size(); ++i) trie.Add(rows[i].atoms, static_cast<uint32_t>(i));
  return nfa;
}

}  // namespace varmor
