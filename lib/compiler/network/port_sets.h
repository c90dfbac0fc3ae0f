// Port ranges of several rules to disjoint ranges, and ranges to prefixes of the 16-bit port space.
#ifndef LIB_COMPILER_NETWORK_PORT_SETS_H_
#define LIB_COMPILER_NETWORK_PORT_SETS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "lib/compiler/ir/bpf_rules.h"

namespace varmor {

struct PortRule {
  // Empty: all ports.
  std::vector<PortRange> ports;
  uint32_t rule = 0;
};

// 0 to 65535: all ports, including 0, which no rule can name by itself.
struct PortSegment {
  uint16_t first = 0;
  uint16_t last = 0;
  // Sorted, unique, not empty.
  std::vector<uint32_t> rules;
};

// Disjoint, ascending; ports that no rule covers are in none.
std::vector<PortSegment> SplitPorts(absl::Span<const PortRule> rules);

struct PortPrefix {
  uint16_t port = 0;
  // 0 to 16.
  int bits = 0;
};

// The fewest prefixes that cover exactly first..last, ascending; at most 30.
std::vector<PortPrefix> PortPrefixes(uint16_t first, uint16_t last);

}  // namespace varmor

#endif  // LIB_COMPILER_NETWORK_PORT_SETS_H_
