#include "lib/compiler/lint/pattern_automaton.h"

#include <string>
#include <utility>
#include <vector>

#include "lib/compiler/automaton/glob.h"

namespace varmor {
namespace {

using Bytes = AareNfa::Bytes;
using Kind = GlobAtom::Kind;

constexpr size_t kMaxEdges = 100000;

Bytes AllButNul() { return ~Bytes().set(0); }
Bytes AllButSlash() { return AllButNul().reset('/'); }

// Edges that read nothing are resolved at the end.
class Builder {
 public:
  explicit Builder(const GlobNode& node) : node_(node) { NewState(); }

  std::optional<AareNfa> Build() {
    for (const GlobRow& row : node_.rows) {
      AddRow(row);
      if (edges_.size() > kMaxEdges) return std::nullopt;
    }
    return Resolve();
  }

 private:
  int NewState() {
    edges_.emplace_back();
    empty_.emplace_back();
    accepting_.push_back(false);
    return static_cast<int>(edges_.size()) - 1;
  }

  int Read(int from, const Bytes& bytes) {
    const int to = NewState();
    edges_[from].push_back({bytes, to});
    return to;
  }

  // A state that `bytes` do not leave.
  int Loop(int from, const Bytes& bytes) {
    const int to = NewState();
    empty_[from].push_back(to);
    edges_[to].push_back({bytes, to});
    return to;
  }

  int Add(int from, const GlobAtom& atom) {
    switch (atom.kind) {
      case Kind::kByte:
        return Read(from, Bytes().set(atom.byte));
      case Kind::kSet:
        return Read(from, node_.sets[atom.set]);
      case Kind::kStar:
        return Loop(from, AllButSlash());
      case Kind::kDoubleStar:
      case Kind::kOverlap:
        return Loop(from, AllButNul());
      case Kind::kDirectories: {
        const Bytes slash = Bytes().set('/');
        const int first = Read(from, slash);
        const int last = Read(Loop(first, AllButNul()), slash);
        empty_[first].push_back(last);
        return last;
      }
    }
    return from;
  }

  void AddRow(const GlobRow& row) {
    int state = 0;
    for (size_t i = 0; i < row.size(); ++i) {
      if (row[i].kind == Kind::kOverlap) AddOverlaps(row, i, state);
      state = Add(state, row[i]);
    }
    accepting_[state] = true;
  }

  // X**Y, where the end of X may be the beginning of Y: the rest of Y behind `state`.
  void AddOverlaps(const GlobRow& row, size_t wild, int state) {
    std::string left, right;
    for (size_t i = 0; i < wild; ++i) left += static_cast<char>(row[i].byte);
    for (size_t i = wild + 1; i < row.size(); ++i) right += static_cast<char>(row[i].byte);
    for (const size_t shared : OverlapLengths(left, right)) {
      int end = NewState();
      empty_[state].push_back(end);
      for (size_t i = wild + 1 + shared; i < row.size(); ++i) end = Add(end, row[i]);
      accepting_[end] = true;
    }
  }

  std::optional<AareNfa> Resolve() const {
    const size_t n = edges_.size();
    std::vector<std::vector<AareNfa::Edge>> edges(n);
    std::vector<bool> accepting(n);
    std::vector<size_t> seen(n, 0);
    size_t total = 0;
    for (size_t state = 0; state < n; ++state) {
      std::vector<int> open = {static_cast<int>(state)};
      seen[state] = state + 1;
      while (!open.empty()) {
        const int at = open.back();
        open.pop_back();
        if (accepting_[at]) accepting[state] = true;
        edges[state].insert(edges[state].end(), edges_[at].begin(), edges_[at].end());
        total += edges_[at].size() + empty_[at].size();
        if (total > kMaxEdges) return std::nullopt;
        for (const int next : empty_[at]) {
          if (seen[next] != state + 1) open.push_back(next);
          seen[next] = state + 1;
        }
      }
    }
    return AareNfa::FromParts(std::move(edges), std::move(accepting));
  }

  const GlobNode& node_;
  std::vector<std::vector<AareNfa::Edge>> edges_;
  std::vector<std::vector<int>> empty_;
  std::vector<bool> accepting_;
};

}  // namespace

std::optional<AareNfa> PatternAutomaton(const PathPattern& pattern) {
  if (pattern.root() == nullptr) return AareNfa::FromParts({{}}, {false});
  return Builder(*pattern.root()).Build();
}

}  // namespace varmor
