#include "lib/compiler/seccomp/argument_diagram.h"

#include <algorithm>
#include <set>
#include <utility>

namespace varmor {
namespace {

constexpr uint32_t kBits = 64;

uint32_t BitOf(uint32_t argument, uint32_t number) { return kBits * argument + kBits - 1 - number; }

}  // namespace

bool ArgumentDiagrams::Spend() {
  exhausted_ |= ++spent_ > budget_;
  return !exhausted_;
}

ArgumentDiagrams::Node ArgumentDiagrams::Make(uint32_t bit, Node zero, Node one) {
  if (zero == one) return zero;
  const auto [at, fresh] =
      known_.emplace(std::make_tuple(bit, zero, one), static_cast<Node>(branches_.size()));
  if (!fresh) return at->second;
  if (!Spend()) {
    known_.erase(at);
    return zero;
  }
  branches_.push_back({bit, zero, one});
  return at->second;
}

// `holds` asks bits of later arguments only. Built from the lowest bit up: `same` is the function
// where all higher bits are those of the value.
ArgumentDiagrams::Node ArgumentDiagrams::Condition(const SeccompArg& arg, bool narrow, Node holds) {
  const Node fails = Constant(0);
  const bool masked = arg.op == "SCMP_CMP_MASKED_EQ";
  const bool less = arg.op == "SCMP_CMP_LT" || arg.op == "SCMP_CMP_LE";
  const bool greater = arg.op == "SCMP_CMP_GT" || arg.op == "SCMP_CMP_GE";
  const bool different = arg.op == "SCMP_CMP_NE";
  const bool when_same =
      masked || arg.op == "SCMP_CMP_EQ" || arg.op == "SCMP_CMP_LE" || arg.op == "SCMP_CMP_GE";
  const Node below = less || different ? holds : fails;
  const Node above = greater || different ? holds : fails;
  Node same = when_same ? holds : fails;
  const uint64_t value = masked ? arg.value_two : arg.value;
  const uint64_t mask = masked ? arg.value : ~uint64_t{0};
  for (uint32_t number = 0; number < (narrow ? kBits / 2 : kBits); ++number) {
    if ((mask >> number & 1) == 0) continue;
    const uint32_t bit = BitOf(arg.index, number);
    same = (value >> number & 1) != 0 ? Make(bit, below, same) : Make(bit, same, above);
  }
  return same;
}

ArgumentDiagrams::Node ArgumentDiagrams::Conjunction(const ArgConjunction& args, bool narrow) {
  Node function = Constant(1);
  // From the last argument back, so that each condition stands on top of the rest.
  for (auto arg = args.rbegin(); arg != args.rend(); ++arg) {
    function = Condition(*arg, narrow, function);
  }
  return function;
}

ArgumentDiagrams::Node ArgumentDiagrams::Combine(Node a, Node b, const Combiner& combine) {
  std::map<std::pair<Node, Node>, Node> done;
  const std::function<Node(Node, Node)> walk = [&](Node x, Node y) -> Node {
    if (IsConstant(x) && IsConstant(y)) {
      return Constant(combine(x & ~kConstant, y & ~kConstant));
    }
    if (const auto known = done.find({x, y}); known != done.end()) return known->second;
    if (!Spend()) return Constant(0);
    const uint32_t end = 6 * kBits;
    const uint32_t x_bit = IsConstant(x) ? end : branches_[x].bit;
    const uint32_t y_bit = IsConstant(y) ? end : branches_[y].bit;
    const uint32_t bit = std::min(x_bit, y_bit);
    const Node zero =
        walk(x_bit == bit ? branches_[x].zero : x, y_bit == bit ? branches_[y].zero : y);
    const Node one = walk(x_bit == bit ? branches_[x].one : x, y_bit == bit ? branches_[y].one : y);
    const Node made = Make(bit, zero, one);
    done[{x, y}] = made;
    return made;
  };
  return walk(a, b);
}

std::map<uint32_t, SyscallArguments> ArgumentDiagrams::Values(Node function) const {
  // Values below each node.
  std::map<Node, std::set<uint32_t>> below;
  const std::function<const std::set<uint32_t>&(Node)> collect =
      [&](Node node) -> const std::set<uint32_t>& {
    const auto [at, fresh] = below.emplace(node, std::set<uint32_t>());
    if (!fresh) return at->second;
    if (IsConstant(node)) {
      at->second.insert(node & ~kConstant);
      return at->second;
    }
    for (const Node child : {branches_[node].zero, branches_[node].one}) {
      const std::set<uint32_t>& values = collect(child);
      at->second.insert(values.begin(), values.end());
    }
    return at->second;
  };
  std::map<uint32_t, SyscallArguments> smallest;
  for (const uint32_t value : collect(function)) {
    SyscallArguments args{};
    for (Node node = function; !IsConstant(node);) {
      const Branch& branch = branches_[node];
      const bool one = below[branch.zero].count(value) == 0;
      if (one) args[branch.bit / kBits] |= uint64_t{1} << (kBits - 1 - branch.bit % kBits);
      node = one ? branch.one : branch.zero;
    }
    smallest[value] = args;
  }
  return smallest;
}

uint32_t ArgumentDiagrams::At(Node function, const SyscallArguments& args) const {
  while (!IsConstant(function)) {
    const Branch& branch = branches_[function];
    const bool one = (args[branch.bit / kBits] >> (kBits - 1 - branch.bit % kBits) & 1) != 0;
    function = one ? branch.one : branch.zero;
  }
  return function & ~kConstant;
}

}  // namespace varmor
