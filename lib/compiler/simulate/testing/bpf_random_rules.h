// Random BPF rules and random things to ask about, for tests: few names, addresses and flags, so
// that rules overlap and events meet them.
#ifndef LIB_COMPILER_SIMULATE_TESTING_BPF_RANDOM_RULES_H_
#define LIB_COMPILER_SIMULATE_TESTING_BPF_RANDOM_RULES_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <string>

#include "lib/compiler/ir/bpf_rules.h"
#include "proto/artifact.pb.h"

namespace varmor {

class RandomRules {
 public:
  explicit RandomRules(uint32_t seed) : random_(seed) {}

  BpfRules Make();
  std::string Path();
  std::array<uint8_t, 16> Address();
  uint16_t Port() { return static_cast<uint16_t>(random_() % 24); }
  uint32_t Pick(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  uint64_t MountOps();
  std::string Fstype(bool with_any);
  template <typename List>
  void Shuffle(List& list) {
    std::shuffle(list.begin(), list.end(), random_);
  }

 private:
  Action AnyAction();
  Origin Next();
  PathPattern Pattern();
  BpfPrefix Prefix();

  std::mt19937 random_;
  bool allow_list_ = false;
  int next_ = 0;
};

// The image of `rules`, which have to be free of mistakes.
BpfArtifact EmitRules(const BpfRules& rules);

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_TESTING_BPF_RANDOM_RULES_H_
