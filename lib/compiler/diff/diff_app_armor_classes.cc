#include "lib/compiler/diff/diff_app_armor_classes.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "absl/strings/ascii.h"

namespace varmor {
namespace {

using Bytes = AareNfa::Bytes;

// The order of examples: what reads well comes first.
std::vector<uint8_t> BytesInOrder() {
  std::vector<uint8_t> bytes;
  const auto add = [&bytes](auto belongs) {
    for (int byte = 1; byte < 256; ++byte) {
      const auto c = static_cast<uint8_t>(byte);
      if (belongs(c) && std::find(bytes.begin(), bytes.end(), c) == bytes.end()) bytes.push_back(c);
    }
  };
  add([](uint8_t c) { return absl::ascii_islower(c); });
  add([](uint8_t c) { return absl::ascii_isupper(c); });
  add([](uint8_t c) { return absl::ascii_isdigit(c); });
  add([](uint8_t c) { return absl::ascii_isgraph(c); });
  add([](uint8_t) { return true; });
  return bytes;
}

// The shape of a text so far; what a domain allows.
enum class Shape : uint8_t { kDead, kBegin, kSlash, kDot, kTwoDots, kInside };

Shape NextShape(TextDomain domain, Shape shape, uint8_t byte) {
  if (domain == TextDomain::kText) return Shape::kInside;
  switch (shape) {
    case Shape::kDead:
      return Shape::kDead;
    case Shape::kBegin:
      return byte == '/' ? Shape::kSlash : Shape::kDead;
    case Shape::kSlash:
      if (byte == '/') return Shape::kDead;
      return byte == '.' ? Shape::kDot : Shape::kInside;
    case Shape::kDot:
      if (byte == '/') return Shape::kDead;
      return byte == '.' ? Shape::kTwoDots : Shape::kInside;
    case Shape::kTwoDots:
      return byte == '/' ? Shape::kDead : Shape::kInside;
    case Shape::kInside:
      return byte == '/' ? Shape::kSlash : Shape::kInside;
  }
  return Shape::kDead;
}

bool MayEnd(TextDomain domain, Shape shape) {
  return shape == Shape::kInside || (shape == Shape::kSlash && domain == TextDomain::kPath);
}

// States of all patterns side by side, ascending.
using StateSet = std::vector<uint32_t>;

struct Node {
  StateSet states;
  Shape shape = Shape::kBegin;
  // Where it was reached from, and by which byte.
  int parent = -1;
  uint8_t byte = 0;
};

class Classifier {
 public:
  Classifier(const std::vector<ClassifiedPattern>& patterns, TextDomain domain, bool all,
             DiffBudget& budget)
      : patterns_(patterns), domain_(domain), all_(all), budget_(budget) {
    uint32_t states = 0;
    for (const ClassifiedPattern& pattern : patterns) {
      first_state_.push_back(states);
      if (pattern.automaton == nullptr) {
        always_changed_ |= pattern.changed;
        continue;
      }
      states += static_cast<uint32_t>(pattern.automaton->edges().size());
      pattern_of_.resize(states, static_cast<int>(first_state_.size()) - 1);
    }
    SplitBytes();
  }

  bool Run(std::vector<int>& culprits) {
    Add(-1, 0, Start());
    for (size_t at = 0; at < nodes_.size(); ++at) {
      Record(static_cast<int>(at));
      if (!Matters(nodes_[at])) continue;
      if (!Expand(static_cast<int>(at))) {
        culprits = LivePatterns(nodes_[at]);
        return false;
      }
    }
    return true;
  }

  std::vector<TextClass> TakeClasses() { return std::move(classes_); }

 private:
  // Bytes that no edge and no shape tells apart get one representative.
  void SplitBytes() {
    std::map<std::string, Bytes> distinct;
    for (const ClassifiedPattern& pattern : patterns_) {
      if (pattern.automaton == nullptr) continue;
      for (const auto& edges : pattern.automaton->edges()) {
        for (const AareNfa::Edge& edge : edges)
          distinct.emplace(edge.bytes.to_string(), edge.bytes);
      }
    }
    Bytes slash;
    slash.set('/');
    Bytes dot;
    dot.set('.');
    if (domain_ != TextDomain::kText) {
      distinct.emplace(slash.to_string(), slash);
      distinct.emplace(dot.to_string(), dot);
    }
    std::map<std::vector<bool>, uint8_t> seen;
    for (const uint8_t byte : BytesInOrder()) {
      std::vector<bool> signature;
      for (const auto& [name, bytes] : distinct) signature.push_back(bytes[byte]);
      if (seen.emplace(std::move(signature), byte).second) bytes_.push_back(byte);
    }
  }

  Node Start() const {
    Node start;
    for (size_t i = 0; i < patterns_.size(); ++i) {
      if (patterns_[i].automaton != nullptr) start.states.push_back(first_state_[i]);
    }
    if (domain_ != TextDomain::kDevicePath) return start;
    for (const char c : Prefix()) {
      const auto byte = static_cast<uint8_t>(c);
      start.states = Step(start.states, byte);
      start.shape = NextShape(domain_, start.shape, byte);
    }
    return start;
  }

  std::string Prefix() const { return domain_ == TextDomain::kDevicePath ? "/dev/" : ""; }

  StateSet Step(const StateSet& from, uint8_t byte) const {
    StateSet to;
    for (const uint32_t state : from) {
      const int pattern = pattern_of_[state];
      const uint32_t first = first_state_[pattern];
      for (const AareNfa::Edge& edge : patterns_[pattern].automaton->edges()[state - first]) {
        if (edge.bytes[byte]) to.push_back(first + static_cast<uint32_t>(edge.to));
      }
    }
    std::sort(to.begin(), to.end());
    to.erase(std::unique(to.begin(), to.end()), to.end());
    return to;
  }

  // Whether something behind this node can be of interest.
  bool Matters(const Node& node) const {
    if (all_ || always_changed_) return true;
    return std::any_of(node.states.begin(), node.states.end(),
                       [this](uint32_t state) { return patterns_[pattern_of_[state]].changed; });
  }

  void Add(int parent, uint8_t byte, Node node) {
    std::string key(1, static_cast<char>(node.shape));
    key.append(reinterpret_cast<const char*>(node.states.data()),
               node.states.size() * sizeof(uint32_t));
    if (!seen_.insert(std::move(key)).second) return;
    node.parent = parent;
    node.byte = byte;
    nodes_.push_back(std::move(node));
  }

  bool Expand(int at) {
    for (const uint8_t byte : bytes_) {
      // `nodes_` grows while its element is read.
      Node next;
      next.shape = NextShape(domain_, nodes_[at].shape, byte);
      if (next.shape == Shape::kDead) continue;
      next.states = Step(nodes_[at].states, byte);
      if (budget_.Spend(nodes_[at].states.size() + 1)) return false;
      Add(at, byte, std::move(next));
    }
    return true;
  }

  void Record(int at) {
    const Node& node = nodes_[at];
    if (!MayEnd(domain_, node.shape)) return;
    std::set<int> matched;
    bool changed = all_;
    for (size_t i = 0; i < patterns_.size(); ++i) {
      if (patterns_[i].automaton == nullptr) matched.insert(static_cast<int>(i));
    }
    for (const uint32_t state : node.states) {
      const int pattern = pattern_of_[state];
      if (patterns_[pattern].automaton->accepts(static_cast<int>(state - first_state_[pattern]))) {
        matched.insert(pattern);
      }
    }
    for (const int pattern : matched) changed |= patterns_[pattern].changed;
    if (!changed || !known_.insert(matched).second) return;
    TextClass found;
    for (int i = at; nodes_[i].parent >= 0; i = nodes_[i].parent) {
      found.example.push_back(static_cast<char>(nodes_[i].byte));
    }
    std::reverse(found.example.begin(), found.example.end());
    found.example.insert(0, Prefix());
    found.matched.assign(matched.begin(), matched.end());
    classes_.push_back(std::move(found));
  }

  std::vector<int> LivePatterns(const Node& node) const {
    std::set<int> live;
    for (const uint32_t state : node.states) {
      if (all_ || patterns_[pattern_of_[state]].changed) live.insert(pattern_of_[state]);
    }
    return std::vector<int>(live.begin(), live.end());
  }

  const std::vector<ClassifiedPattern>& patterns_;
  const TextDomain domain_;
  const bool all_;
  DiffBudget& budget_;
  bool always_changed_ = false;
  // States of pattern i are numbered from first_state_[i].
  std::vector<uint32_t> first_state_;
  std::vector<int> pattern_of_;
  std::vector<uint8_t> bytes_;
  std::vector<Node> nodes_;
  std::set<std::string> seen_;
  std::set<std::set<int>> known_;
  std::vector<TextClass> classes_;
};

std::optional<std::vector<TextClass>> Classify(const std::vector<ClassifiedPattern>& patterns,
                                               TextDomain domain, bool all, DiffBudget& budget,
                                               std::vector<int>& culprits) {
  Classifier classifier(patterns, domain, all, budget);
  if (!classifier.Run(culprits)) return std::nullopt;
  return classifier.TakeClasses();
}

}  // namespace

std::optional<std::vector<TextClass>> ClassifyTexts(const std::vector<ClassifiedPattern>& patterns,
                                                    TextDomain domain, DiffBudget& budget,
                                                    std::vector<int>& culprits) {
  return Classify(patterns, domain, false, budget, culprits);
}

std::optional<std::vector<TextClass>> ClassifyAllTexts(
    const std::vector<ClassifiedPattern>& patterns, TextDomain domain, DiffBudget& budget,
    std::vector<int>& culprits) {
  return Classify(patterns, domain, true, budget, culprits);
}

}  // namespace varmor
