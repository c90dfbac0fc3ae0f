// Minimise against the plainest way: split blocks until no state tells two states of a block apart.
#include "lib/compiler/automaton/minimise.h"

#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace varmor {
namespace {

using Targets = std::vector<std::map<uint8_t, uint32_t>>;  // per state, by class

SparseDfa MakeDfa(const Targets& targets) {
  SparseDfa dfa;
  dfa.classes = 255;
  for (const auto& of_state : targets) {
    for (const auto& [byte_class, target] : of_state) dfa.edges.push_back({target, byte_class});
    dfa.first.push_back(static_cast<uint32_t>(dfa.edges.size()));
  }
  dfa.accept.resize(targets.size());
  return dfa;
}

size_t CountBlocks(const Targets& targets, std::vector<uint32_t> block) {
  for (size_t count = 0;;) {
    std::map<std::pair<uint32_t, std::map<uint8_t, uint32_t>>, uint32_t> numbers;
    std::vector<uint32_t> refined;
    for (size_t state = 0; state < targets.size(); ++state) {
      std::map<uint8_t, uint32_t> to;
      for (const auto& [byte_class, target] : targets[state]) to[byte_class] = block[target];
      const auto next = static_cast<uint32_t>(numbers.size());
      refined.push_back(
          numbers.emplace(std::make_pair(block[state], std::move(to)), next).first->second);
    }
    if (numbers.size() == count) return count;
    count = numbers.size();
    block = std::move(refined);
  }
}

// Whether both give every string the same label, as far as the first goes.
bool SameAnswers(const SparseDfa& a, const std::vector<uint32_t>& label, const SparseDfa& b) {
  std::set<std::pair<uint32_t, uint32_t>> seen = {{0, 0}};
  std::vector<std::pair<uint32_t, uint32_t>> pairs = {{0, 0}};
  for (size_t i = 0; i < pairs.size(); ++i) {
    const auto [left, right] = pairs[i];
    const auto of_left = a.EdgesOf(left), of_right = b.EdgesOf(right);
    // `accept` holds the number of a state of `a`.
    if (label[left] != label[b.accept[right]] || of_left.size() != of_right.size()) return false;
    for (size_t k = 0; k < of_left.size(); ++k) {
      if (of_left[k].byte_class != of_right[k].byte_class) return false;
      const auto next = std::make_pair(of_left[k].target, of_right[k].target);
      if (seen.insert(next).second) pairs.push_back(next);
    }
  }
  return true;
}

// Minimises and checks the answer; the number of states that are left.
size_t Minimised(const Targets& targets, const std::vector<uint32_t>& label) {
  SparseDfa dfa = MakeDfa(targets);
  for (uint32_t state = 0; state < targets.size(); ++state) dfa.accept[state] = state;
  const SparseDfa minimal = Minimise(dfa, label);
  EXPECT_TRUE(SameAnswers(dfa, label, minimal));
  EXPECT_EQ(minimal.states(), CountBlocks(targets, label));
  return minimal.states();
}

struct Case {
  const char* name;
  Targets targets;
  std::vector<uint32_t> label;
  size_t states;
};

TEST(MinimiseTest, MergesWhatCannotBeToldApart) {
  const Case cases[] = {
      {"equal ends", {{{1, 1}, {2, 2}}, {}, {}}, {0, 1, 1}, 2},
      {"ends with different labels", {{{1, 1}, {2, 2}}, {}, {}}, {0, 1, 2}, 3},
      {"equal loops", {{{1, 1}, {2, 2}}, {{1, 1}}, {{1, 2}}}, {0, 1, 1}, 2},
      {"a state before a loop that is like it", {{{1, 1}}, {{1, 2}}, {{1, 2}}}, {0, 1, 1}, 2},
      {"a loop that also leads to a loop like it",
       {{{1, 1}, {2, 1}}, {{1, 1}, {2, 2}}, {{1, 2}, {2, 2}}},
       {0, 1, 1},
       2},
      {"a circle that is a loop", {{{1, 1}}, {{1, 2}}, {{1, 1}}}, {0, 1, 1}, 2},
      {"a circle that leads to a loop like it",
       {{{1, 1}}, {{1, 2}, {2, 2}}, {{1, 1}, {2, 3}}, {{1, 3}, {2, 3}}},
       {0, 1, 1, 1},
       2},
      {"a circle that stays one", {{{1, 1}}, {{1, 2}}, {{1, 1}}}, {0, 1, 2}, 3},
      {"two circles, one twice as long",
       {{{1, 1}, {2, 3}}, {{1, 2}}, {{1, 1}}, {{1, 4}}, {{1, 5}}, {{1, 6}}, {{1, 3}}},
       {0, 1, 2, 1, 2, 1, 2},
       3},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Minimised(c.targets, c.label), c.states);
  }
}

// A circle of 300 states, each of which leads to a loop of its own.
TEST(MinimiseTest, CircleMayLeadToMoreLoopsThanAStateHasEdges) {
  constexpr uint32_t kStates = 300;
  Targets targets(2 * kStates + 1);
  std::vector<uint32_t> label(targets.size(), 0);
  const uint32_t end = 2 * kStates;
  label[end] = 1;
  for (uint32_t i = 0; i < kStates; ++i) {
    const uint32_t loop = kStates + i;
    targets[i] = {{1, (i + 1) % kStates}, {2, loop}};
    targets[loop] = {{1, loop}, {static_cast<uint8_t>(2 + i % 200), end}};
    if (i >= 200) targets[loop][255] = end;
  }
  EXPECT_EQ(Minimised(targets, label), targets.size());
}

struct Automaton {
  Targets targets;
  std::vector<uint32_t> label;
};

// Every state is reached, and leads to the last one.
Automaton RandomAutomaton(std::mt19937& random) {
  const uint32_t states = 2 + random() % 8;
  const uint8_t classes = 2 + random() % 2;
  Automaton out;
  for (uint32_t state = 0; state < states; ++state) {
    std::map<uint8_t, uint32_t>& targets = out.targets.emplace_back();
    if (state + 1 < states) targets[1] = state + 1;
    for (uint8_t c = 2; c <= classes; ++c) {
      if (random() % 3 != 0) targets[c] = random() % 3 == 0 ? state : random() % states;
    }
    out.label.push_back(state + 1 == states ? 1 : random() % 2);
  }
  return out;
}

// With up to three copies of each state, that lead to any copies. Copies that nothing reaches are
// left out.
Automaton WithCopies(const Automaton& original, std::mt19937& random) {
  Automaton out;
  std::vector<uint32_t> copied = {0};
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> number = {{{0, 0}, 0}};
  for (uint32_t i = 0; i < copied.size(); ++i) {
    out.targets.emplace_back();
    out.label.push_back(original.label[copied[i]]);
    for (const auto& [byte_class, target] : original.targets[copied[i]]) {
      const auto next = static_cast<uint32_t>(copied.size());
      const auto [place, is_new] = number.emplace(std::make_pair(target, random() % 3), next);
      if (is_new) copied.push_back(target);
      out.targets[i][byte_class] = place->second;
    }
  }
  return out;
}

TEST(MinimiseTest, RandomAutomataAreAsSmallAsThePlainestWayMakesThem) {
  std::mt19937 random(7);
  for (int i = 0; i < 20000 && !HasFailure(); ++i) {
    SCOPED_TRACE(i);
    const Automaton original = RandomAutomaton(random);
    const Automaton copies = WithCopies(original, random);
    const size_t states = Minimised(original.targets, original.label);
    EXPECT_EQ(Minimised(copies.targets, copies.label), states);
  }
}

}  // namespace
}  // namespace varmor
