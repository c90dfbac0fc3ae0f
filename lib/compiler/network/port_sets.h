// Port ranges of several rules to disjoint ranges, and ranges to prefixes of the 16-bit port space.
#ifndef LIB_COMPILER_NETWORK_PORT_SETS_H_
#define LIB_COMPILER_NETWORK_PORT_SETS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "lib/compiler/ir/bpf_rules.h"

namespace varmor {

struct PortRule {
  // Empty: all ports, 0 included, which no range can name.
  absl::Span<const PortRange> ports;
  Action action;
  uint32_t rule = 0;
};

inline constexpr uint32_t kNoPortRule = 0xFFFFFFFF;

struct PortSegment {
  uint16_t first = 0;
  uint16_t last = 0;
  // The lowest of the rules that deny, audit, allow these ports; kNoPortRule: none.
  uint32_t deny_rule = kNoPortRule;
  uint32_t audit_rule = kNoPortRule;
  uint32_t allow_rule = kNoPortRule;
};

// Disjoint, ascending; neighbours differ. Ports about which no rule says anything are in none.
// Takes O(n log n) for n ranges.
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
