// Functions of six 64-bit arguments as reduced ordered decision diagrams over their bits: two
// functions are equal exactly when their nodes are.
#ifndef LIB_COMPILER_SECCOMP_ARGUMENT_DIAGRAM_H_
#define LIB_COMPILER_SECCOMP_ARGUMENT_DIAGRAM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <tuple>
#include <vector>

#include "lib/compiler/seccomp/argument_condition.h"
#include "lib/compiler/seccomp/filter_rules.h"

namespace varmor {

// Owns the nodes of any number of functions to small numbers. Bits are asked in the order of the
// arguments, the highest first, so a condition of an entry takes at most 64 nodes.
class ArgumentDiagrams {
 public:
  using Node = uint32_t;
  using Combiner = std::function<uint32_t(uint32_t, uint32_t)>;

  // `budget` limits the nodes made and the steps of Combine.
  explicit ArgumentDiagrams(size_t budget) : budget_(budget) {}

  // Nodes made after this have no meaning.
  bool exhausted() const { return exhausted_; }

  // The function with one value everywhere, below 2^31.
  static Node Constant(uint32_t value) { return value | kConstant; }

  // 1 where all conditions hold, else 0; `narrow`: only the lower halves of arguments are looked
  // at, and conditions are cut to 32 bits.
  Node Conjunction(const ArgConjunction& args, bool narrow);

  // Value by value. `combine` has to be a function.
  Node Combine(Node a, Node b, const Combiner& combine);

  // Each value with the smallest arguments that give it: the first argument counts most.
  std::map<uint32_t, SyscallArguments> Values(Node function) const;

  uint32_t At(Node function, const SyscallArguments& args) const;

 private:
  static constexpr Node kConstant = uint32_t{1} << 31;

  struct Branch {
    uint32_t bit;  // 64 * argument + 63 - (number of the bit)
    Node zero;
    Node one;
  };

  static bool IsConstant(Node node) { return (node & kConstant) != 0; }
  Node Make(uint32_t bit, Node zero, Node one);
  Node Condition(const SeccompArg& arg, bool narrow, Node holds);
  bool Spend();

  size_t budget_;
  size_t spent_ = 0;
  bool exhausted_ = false;
  std::vector<Branch> branches_;
  std::map<std::tuple<uint32_t, Node, Node>, Node> known_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_SECCOMP_ARGUMENT_DIAGRAM_H_
