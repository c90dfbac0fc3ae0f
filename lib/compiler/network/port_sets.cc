#include "lib/compiler/network/port_sets.h"

#include <algorithm>
#include <set>

namespace varmor {
namespace {

constexpr uint32_t kPorts = 65536;

// A rule begins or ends to cover ports.
struct Change {
  uint32_t port = 0;
  uint32_t index = 0;  // in the list of rules
  bool begin = false;
};

// The rules that cover the current port, by what they do.
class Active {
 public:
  void Add(const PortRule& rule) {
    if (rule.action.deny) deny_.insert(rule.rule);
    if (rule.action.audit) audit_.insert(rule.rule);
    if (rule.action.allow) allow_.insert(rule.rule);
  }
  void Remove(const PortRule& rule) {
    if (rule.action.deny) deny_.erase(deny_.find(rule.rule));
    if (rule.action.audit) audit_.erase(audit_.find(rule.rule));
    if (rule.action.allow) allow_.erase(allow_.find(rule.rule));
  }
  bool empty() const { return deny_.empty() && audit_.empty() && allow_.empty(); }
  PortSegment Segment(uint32_t first, uint32_t last) const {
    return {static_cast<uint16_t>(first), static_cast<uint16_t>(last), First(deny_), First(audit_),
            First(allow_)};
  }

 private:
  static uint32_t First(const std::multiset<uint32_t>& rules) {
    return rules.empty() ? kNoPortRule : *rules.begin();
  }

  std::multiset<uint32_t> deny_;
  std::multiset<uint32_t> audit_;
  std::multiset<uint32_t> allow_;
};

bool SaySame(const PortSegment& a, const PortSegment& b) {
  return a.deny_rule == b.deny_rule && a.audit_rule == b.audit_rule && a.allow_rule == b.allow_rule;
}

void Append(const PortSegment& segment, std::vector<PortSegment>& segments) {
  if (!segments.empty() && segments.back().last + 1 == segment.first &&
      SaySame(segments.back(), segment)) {
    segments.back().last = segment.last;
  } else {
    segments.push_back(segment);
  }
}

// By port.
std::vector<Change> ChangesOf(absl::Span<const PortRule> rules) {
  std::vector<Change> changes;
  const auto add = [&](uint32_t first, uint32_t last, size_t index) {
    changes.push_back({first, static_cast<uint32_t>(index), true});
    changes.push_back({last + 1, static_cast<uint32_t>(index), false});
  };
  for (size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].ports.empty()) add(0, kPorts - 1, i);
    for (const PortRange& range : rules[i].ports) add(range.first, range.last, i);
  }
  std::sort(changes.begin(), changes.end(),
            [](const Change& a, const Change& b) { return a.port < b.port; });
  return changes;
}

}  // namespace

std::vector<PortSegment> SplitPorts(absl::Span<const PortRule> rules) {
  const std::vector<Change> changes = ChangesOf(rules);
  std::vector<PortSegment> segments;
  Active active;
  for (size_t i = 0; i < changes.size();) {
    const uint32_t port = changes[i].port;
    size_t end = i;
    while (end < changes.size() && changes[end].port == port) ++end;
    // What begins first: a rule's own ranges may overlap, and so be there twice.
    for (size_t j = i; j < end; ++j) {
      if (changes[j].begin) active.Add(rules[changes[j].index]);
    }
    for (size_t j = i; j < end; ++j) {
      if (!changes[j].begin) active.Remove(rules[changes[j].index]);
    }
    i = end;
    if (active.empty() || i == changes.size()) continue;
    Append(active.Segment(port, changes[i].port - 1), segments);
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
