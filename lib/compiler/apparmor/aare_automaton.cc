#include "lib/compiler/apparmor/aare_automaton.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "lib/compiler/apparmor/aare.h"

namespace varmor {
namespace {

using Bytes = AareNfa::Bytes;

// Far more than any rule needs; keeps hostile patterns cheap.
constexpr size_t kMaxSymbols = 4096;
constexpr size_t kMaxEdges = 100000;

Bytes Single(uint8_t byte) {
  Bytes bytes;
  bytes.set(byte);
  return bytes;
}

Bytes AllButNul() { return ~Single(0); }
Bytes AllButSlash() { return AllButNul() & ~Single('/'); }

}  // namespace

// Builds from a checked pattern, first with edges that read nothing.
class AareNfaBuilder {
 public:
  explicit AareNfaBuilder(std::vector<AareSymbol> symbols) : symbols_(std::move(symbols)) {}

  std::optional<AareNfa> Build() {
    const int end = Sequence(NewState(), 0);
    return Resolve(end);
  }

 private:
  int NewState() {
    edges_.emplace_back();
    empty_edges_.emplace_back();
    return static_cast<int>(edges_.size()) - 1;
  }

  int Read(int from, const Bytes& bytes) {
    const int to = NewState();
    edges_[from].push_back({bytes, to});
    return to;
  }

  bool Is(size_t i, char byte) const {
    return i < symbols_.size() && !symbols_[i].literal &&
           symbols_[i].byte == static_cast<uint8_t>(byte);
  }

  // One alternative, or the whole pattern: up to "," or "}" of the group it is in. The pattern was
  // checked, so nesting has a bound.
  int Sequence(int state, int depth) {
    while (at_ < symbols_.size()) {
      if (depth > 0 && (Is(at_, ',') || Is(at_, '}'))) break;
      if (Is(at_, '*')) {
        state = Stars(state);
      } else if (Is(at_, '?')) {
        state = Read(state, AllButSlash());
        ++at_;
      } else if (Is(at_, '[')) {
        state = Read(state, Class());
      } else if (Is(at_, '{')) {
        state = Group(state, depth);
      } else {
        state = Read(state, Single(symbols_[at_++].byte));
      }
    }
    return state;
  }

  int Stars(int state) {
    const size_t begin = at_;
    while (Is(at_, '*')) ++at_;
    const bool after_slash = begin > 0 && symbols_[begin - 1].byte == '/';
    const bool before_slash = at_ == symbols_.size() || symbols_[at_].byte == '/';
    // A component that is nothing but wildcards is not empty.
    if (after_slash && before_slash) state = Read(state, AllButSlash());
    const int loop = NewState();
    empty_edges_[state].push_back(loop);
    edges_[loop].push_back({at_ - begin > 1 ? AllButNul() : AllButSlash(), loop});
    return loop;
  }

  int Group(int state, int depth) {
    const int end = NewState();
    do {
      ++at_;  // "{" or ","
      const int begin = NewState();
      empty_edges_[state].push_back(begin);
      empty_edges_[Sequence(begin, depth + 1)].push_back(end);
    } while (Is(at_, ','));
    ++at_;  // "}"
    return end;
  }

  Bytes Class() {
    ++at_;  // "["
    const bool negated = Is(at_, '^');
    if (negated) ++at_;
    Bytes bytes;
    while (!Is(at_, ']')) {
      uint8_t low = symbols_[at_++].byte;
      uint8_t high = low;
      if (symbols_[at_].byte == '-' && !Is(at_ + 1, ']')) {
        high = symbols_[at_ + 1].byte;
        at_ += 2;
      }
      if (low > high) std::swap(low, high);
      for (int byte = low; byte <= high; ++byte) bytes.set(byte);
    }
    ++at_;
    return negated ? ~bytes : bytes;
  }

  // Gives every state the edges of those it reaches for nothing.
  std::optional<AareNfa> Resolve(int end) const {
    AareNfa nfa;
    const size_t n = edges_.size();
    size_t total = 0;
    nfa.edges_.resize(n);
    nfa.accepting_.resize(n);
    for (size_t state = 0; state < n; ++state) {
      std::vector<int> open = {static_cast<int>(state)};
      std::vector<bool> seen(n);
      seen[state] = true;
      while (!open.empty()) {
        const int at = open.back();
        open.pop_back();
        if (at == end) nfa.accepting_[state] = true;
        nfa.edges_[state].insert(nfa.edges_[state].end(), edges_[at].begin(), edges_[at].end());
        total += edges_[at].size() + empty_edges_[at].size();
        if (total > kMaxEdges) return std::nullopt;
        for (const int next : empty_edges_[at]) {
          if (!seen[next]) open.push_back(next);
          seen[next] = true;
        }
      }
    }
    return nfa;
  }

  std::vector<AareSymbol> symbols_;
  size_t at_ = 0;
  std::vector<std::vector<AareNfa::Edge>> edges_;
  std::vector<std::vector<int>> empty_edges_;
};

std::optional<AareNfa> AareNfa::Build(absl::string_view pattern) {
  if (CheckAare(pattern).has_value() || !AareVariables(pattern).empty()) return std::nullopt;
  std::vector<AareSymbol> symbols = DecodeAare(pattern);
  if (symbols.size() > kMaxSymbols) return std::nullopt;
  return AareNfaBuilder(std::move(symbols)).Build();
}

AareNfa AareNfa::FromParts(std::vector<std::vector<Edge>> edges, std::vector<bool> accepting) {
  AareNfa nfa;
  nfa.edges_ = std::move(edges);
  nfa.accepting_ = std::move(accepting);
  return nfa;
}

bool AareNfa::Matches(absl::string_view subject) const {
  std::set<int> states = {0};
  for (const char c : subject) {
    std::set<int> next;
    for (const int state : states) {
      for (const Edge& edge : edges_[state]) {
        if (edge.bytes[static_cast<uint8_t>(c)]) next.insert(edge.to);
      }
    }
    states = std::move(next);
  }
  return std::any_of(states.begin(), states.end(), [this](int state) { return accepts(state); });
}

std::optional<bool> AareOverlap(const AareNfa& a, const AareNfa& b, size_t limit) {
  size_t steps = 0;
  std::set<std::pair<int, int>> seen = {{0, 0}};
  std::vector<std::pair<int, int>> open = {{0, 0}};
  while (!open.empty()) {
    const auto [p, q] = open.back();
    open.pop_back();
    if (a.accepts(p) && b.accepts(q)) return true;
    for (const AareNfa::Edge& left : a.edges()[p]) {
      for (const AareNfa::Edge& right : b.edges()[q]) {
        if (++steps > limit) return std::nullopt;
        if ((left.bytes & right.bytes & AllButNul()).none()) continue;
        if (seen.insert({left.to, right.to}).second) open.push_back({left.to, right.to});
      }
    }
  }
  return false;
}

namespace {

// One byte of every class of bytes that no edge tells apart. Without NUL.
std::vector<uint8_t> Representatives(const std::vector<const AareNfa*>& automata) {
  std::vector<Bytes> classes = {AllButNul()};
  std::set<std::string> known;
  for (const AareNfa* nfa : automata) {
    for (const auto& edges : nfa->edges()) {
      for (const AareNfa::Edge& edge : edges) {
        if (!known.insert(edge.bytes.to_string()).second) continue;
        std::vector<Bytes> split;
        for (const Bytes& bytes : classes) {
          if ((bytes & edge.bytes).any()) split.push_back(bytes & edge.bytes);
          if ((bytes & ~edge.bytes).any()) split.push_back(bytes & ~edge.bytes);
        }
        classes = std::move(split);
      }
    }
  }
  std::vector<uint8_t> bytes;
  for (const Bytes& set : classes) bytes.push_back(static_cast<uint8_t>(set._Find_first()));
  return bytes;
}

// States of the covering automata: (automaton, state).
using Cover = std::set<std::pair<int, int>>;

Cover Step(const std::vector<const AareNfa*>& automata, const Cover& from, uint8_t byte) {
  Cover to;
  for (const auto& [automaton, state] : from) {
    for (const AareNfa::Edge& edge : automata[automaton]->edges()[state]) {
      if (edge.bytes[byte]) to.insert({automaton, edge.to});
    }
  }
  return to;
}

bool Accepts(const std::vector<const AareNfa*>& automata, const Cover& cover) {
  return std::any_of(cover.begin(), cover.end(), [&](const std::pair<int, int>& at) {
    return automata[at.first]->accepts(at.second);
  });
}

}  // namespace

std::optional<bool> AareCovers(const std::vector<const AareNfa*>& cover, const AareNfa& inner,
                               size_t limit) {
  std::vector<const AareNfa*> all = cover;
  all.push_back(&inner);
  const std::vector<uint8_t> alphabet = Representatives(all);

  Cover start;
  for (size_t i = 0; i < cover.size(); ++i) start.insert({static_cast<int>(i), 0});
  std::set<std::pair<int, Cover>> seen = {{0, start}};
  std::vector<std::pair<int, Cover>> open = {{0, start}};
  size_t steps = 0;
  while (!open.empty()) {
    const auto [state, covering] = std::move(open.back());
    open.pop_back();
    if (inner.accepts(state) && !Accepts(cover, covering)) return false;
    for (const uint8_t byte : alphabet) {
      std::optional<Cover> next;
      for (const AareNfa::Edge& edge : inner.edges()[state]) {
        if (!edge.bytes[byte]) continue;
        if (++steps > limit) return std::nullopt;
        if (!next.has_value()) next = Step(cover, covering, byte);
        if (seen.insert({edge.to, *next}).second) open.push_back({edge.to, *next});
      }
    }
  }
  return true;
}

}  // namespace varmor
