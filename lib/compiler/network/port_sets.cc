#include "lib/compiler/network/port_sets.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

namespace varmor {
namespace {

constexpr uint32_t kPorts = 65536;

struct Change {
  std::vector<uint32_t> begin;
  std::vector<uint32_t> end;
};

}  // namespace

std::vector<PortSegment> SplitPorts(absl::Span<const PortRule> rules) {
  // Where the set of rules changes.
  std::map<uint32_t, Change> changes;
  const auto add = [&](uint32_t first, uint32_t last, uint32_t rule) {
    changes[first].begin.push_back(rule);
    changes[last + 1].end.push_back(rule);
  };
  for (const PortRule& rule : rules) {
    if (rule.ports.empty()) add(0, kPorts - 1, rule.rule);
    for (const PortRange& range : rule.ports) add(range.first, range.last, rule.rule);
  }

  std::vector<PortSegment> segments;
  std::multiset<uint32_t> active;
  for (auto it = changes.begin(); it != changes.end(); ++it) {
    for (const uint32_t rule : it->second.end) active.erase(active.find(rule));
    active.insert(it->second.begin.begin(), it->second.begin.end());
    const auto next = std::next(it);
    if (active.empty() || next == changes.end()) continue;
    PortSegment segment;
    segment.first = static_cast<uint16_t>(it->first);
    segment.last = static_cast<uint16_t>(next->first - 1);
    std::unique_copy(active.begin(), active.end(), std::back_inserter(segment.rules));
    const bool continues = !segments.empty() && segments.back().rules == segment.rules &&
                           segments.back().last + 1 == segment.first;
    if (continues) {
      segments.back().last = segment.last;
    } else {
      segments.push_back(std::move(segment));
    }
  }
  return segments;
}

std::vector<PortPrefix> PortPrefixes(uint16_t first, uint16_t last) {
  std::vector<PortPrefix> prefixes;
  uint32_t at = first;
  while (at <= last) {
    // The largest aligned block that starts here and fits.
    int free_bits = 0;
    while (free_bits < 16) {
      const uint32_t size = uint32_t{2} << free_bits;
      if (at % size != 0 || at + size - 1 > last) break;
      ++free_bits;
    }
    prefixes.push_back({static_cast<uint16_t>(at), 16 - free_bits});
    at += uint32_t{1} << free_bits;
  }
  return prefixes;
}

}  // namespace varmor
