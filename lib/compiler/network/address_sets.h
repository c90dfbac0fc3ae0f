// Prefixes to sets of rules, closed over prefixes: for an address the longest matching prefix has
// every rule that covers the address.
#ifndef LIB_COMPILER_NETWORK_ADDRESS_SETS_H_
#define LIB_COMPILER_NETWORK_ADDRESS_SETS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lib/compiler/ir/bpf_rules.h"

namespace varmor {

struct AddressRule {
  BpfPrefix prefix;
  uint32_t rule = 0;
};

struct AddressSet {
  BpfPrefix prefix;
  // Sorted, unique; those of every prefix around this one included.
  std::vector<uint32_t> rules;
};

// One entry per distinct prefix, sorted. Entries that say the same as the next shorter prefix
// around them are left out. Takes O(n log n) and the size of the result. Nothing when the sets
// together had more than `most_members` rules: many networks inside networks with many rules each.
std::optional<std::vector<AddressSet>> CloseAddresses(std::vector<AddressRule> rules,
                                                      size_t most_members);

// True when every address of `inner` is one of `outer`.
bool Contains(const BpfPrefix& outer, const BpfPrefix& inner);

}  // namespace varmor

#endif  // LIB_COMPILER_NETWORK_ADDRESS_SETS_H_
