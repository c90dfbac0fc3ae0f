#include "lib/compiler/network/port_sets.h"

#include <iterator>
#include <map>
#include <set>

namespace varmor {
namespace {

constexpr uint32_t kPorts = 65536;

// Rules that begin and end at one port; indexes into the list of rules.
struct Change {
  std::vector<size_t> begin;
  std::vector<size_t> end;
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

std::map<uint32_t, Change> ChangesOf(absl::Span<const PortRule> rules) {
  std::map<uint32_t, Change> changes;
  const auto add = [&](uint32_t first, uint32_t last, size_t index) {
    changes[first].begin.push_back(index);
    changes[last + 1].end.push_back(index);
  };
  for (size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].ports.empty()) add(0, kPorts - 1, i);
    for (const PortRange& range : rules[i].ports) add(range.first, range.last, i);
  }
  return changes;
}

}  // namespace

std::vector<PortSegment> SplitPorts(absl::Span<const PortRule> rules) {
  const std::map<uint32_t, Change> changes = ChangesOf(rules);
  std::vector<PortSegment> segments;
  Active active;
  for (auto it = changes.begin(); it != changes.end(); ++it) {
    for (const size_t index : it->second.end) active.Remove(rules[index]);
    for (const size_t index : it->second.begin) active.Add(rules[index]);
    const auto next = std::next(it);
    if (active.empty() || next == changes.end()) continue;
    Append(active.Segment(it->first, next->first - 1), segments);
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
