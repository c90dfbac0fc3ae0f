#include "lib/compiler/network/port_sets.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

constexpr uint32_t kPorts = 65536;
constexpr Action kDeny{true, false, false};
constexpr Action kAudit{false, true, false};
constexpr Action kAllow{false, false, true};

bool Covers(const PortRule& rule, uint32_t port) {
  if (rule.ports.empty()) return true;
  return std::any_of(rule.ports.begin(), rule.ports.end(), [&](const PortRange& range) {
    return range.first <= port && port <= range.last;
  });
}

struct Wanted {
  uint32_t deny_rule = kNoPortRule;
  uint32_t audit_rule = kNoPortRule;
  uint32_t allow_rule = kNoPortRule;

  bool operator==(const Wanted& other) const {
    return deny_rule == other.deny_rule && audit_rule == other.audit_rule &&
           allow_rule == other.allow_rule;
  }
  bool operator!=(const Wanted& other) const { return !(*this == other); }
};

Wanted Naive(const std::vector<PortRule>& rules, uint32_t port) {
  Wanted wanted;
  for (const PortRule& rule : rules) {
    if (!Covers(rule, port)) continue;
    if (rule.action.deny) wanted.deny_rule = std::min(wanted.deny_rule, rule.rule);
    if (rule.action.audit) wanted.audit_rule = std::min(wanted.audit_rule, rule.rule);
    if (rule.action.allow) wanted.allow_rule = std::min(wanted.allow_rule, rule.rule);
  }
  return wanted;
}

Wanted Said(const PortSegment& segment) {
  return {segment.deny_rule, segment.audit_rule, segment.allow_rule};
}

// Every port, not a sample.
void ExpectSegmentsSayWhatRulesSay(const std::vector<PortRule>& rules) {
  const std::vector<PortSegment> segments = SplitPorts(rules);
  std::vector<Wanted> by_port(kPorts);
  for (size_t i = 0; i < segments.size(); ++i) {
    ASSERT_LE(segments[i].first, segments[i].last);
    ASSERT_TRUE(Said(segments[i]) != Wanted());
    if (i > 0) {
      ASSERT_LT(segments[i - 1].last, segments[i].first);
      const bool touches = segments[i - 1].last + 1 == segments[i].first;
      ASSERT_FALSE(touches && Said(segments[i - 1]) == Said(segments[i])) << "could be one";
    }
    for (uint32_t port = segments[i].first; port <= segments[i].last; ++port) {
      by_port[port] = Said(segments[i]);
    }
  }
  for (uint32_t port = 0; port < kPorts; ++port) {
    ASSERT_TRUE(by_port[port] == Naive(rules, port)) << "port " << port;
  }
}

TEST(SplitPortsTest, NoRuleGivesNoSegment) { EXPECT_TRUE(SplitPorts({}).empty()); }

TEST(SplitPortsTest, NoPortsAreAllPorts) {
  const std::vector<PortRule> rules = {{{}, kDeny, 3}};
  const std::vector<PortSegment> segments = SplitPorts(rules);
  ASSERT_EQ(segments.size(), 1u);
  EXPECT_EQ(segments[0].first, 0);
  EXPECT_EQ(segments[0].last, 65535);
  EXPECT_EQ(segments[0].deny_rule, 3u);
  EXPECT_EQ(segments[0].audit_rule, kNoPortRule);
}

TEST(SplitPortsTest, TheLowestRuleAnswersWhereRulesOverlap) {
  const std::vector<PortRange> wide = {{1, 65535}};
  const std::vector<PortRange> narrow = {{80, 80}, {443, 443}};
  ExpectSegmentsSayWhatRulesSay({{wide, kDeny, 5}, {narrow, kDeny, 2}, {{}, kAudit, 9}});
  ExpectSegmentsSayWhatRulesSay({{narrow, kAllow, 2}, {narrow, kDeny, 2}, {wide, kAudit, 0}});
}

TEST(SplitPortsTest, NeighboursThatSayTheSameAreJoined) {
  const std::vector<PortRange> ranges = {{10, 19}, {20, 29}};
  const std::vector<PortRule> rules = {{ranges, kDeny, 1}};
  ASSERT_EQ(SplitPorts(rules).size(), 1u);
  ExpectSegmentsSayWhatRulesSay(rules);
}

TEST(SplitPortsTest, TheLastPortHasAnEnd) {
  const std::vector<PortRange> last = {{65535, 65535}};
  const std::vector<PortRange> before = {{65534, 65534}};
  ExpectSegmentsSayWhatRulesSay({{last, kDeny, 1}});
  ExpectSegmentsSayWhatRulesSay({{last, kDeny, 1}, {before, kAudit, 2}});
}

TEST(SplitPortsTest, EveryPortOfRandomRules) {
  std::mt19937 random(3);
  for (int round = 0; round < 20; ++round) {
    SCOPED_TRACE(round);
    std::vector<std::vector<PortRange>> ranges(1 + random() % 8);
    std::vector<PortRule> rules;
    for (std::vector<PortRange>& list : ranges) {
      // Few distinct numbers, so that ranges touch, repeat and nest.
      uint32_t at = 1 + random() % 30;
      const bool far = random() % 4 == 0;
      for (uint32_t i = random() % 5; i > 0 && at < 65535; --i) {
        const uint32_t last = std::min<uint32_t>(65535, at + random() % (far ? 20000 : 12));
        list.push_back({static_cast<uint16_t>(at), static_cast<uint16_t>(last)});
        at = last + 1 + random() % 5;
      }
      const Action action{random() % 2 == 0, random() % 2 == 0, random() % 2 == 0};
      rules.push_back({list, action, static_cast<uint32_t>(random() % 6)});
    }
    ExpectSegmentsSayWhatRulesSay(rules);
  }
}

TEST(SplitPortsTest, TheOrderOfRulesDoesNotMatter) {
  const std::vector<PortRange> a = {{1, 100}, {200, 300}};
  const std::vector<PortRange> b = {{50, 250}};
  std::vector<PortRule> rules = {{a, kDeny, 4}, {b, kDeny, 1}, {{}, kAudit, 7}, {b, kAllow, 0}};
  const std::vector<PortSegment> want = SplitPorts(rules);
  std::reverse(rules.begin(), rules.end());
  const std::vector<PortSegment> got = SplitPorts(rules);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(got[i].first, want[i].first);
    EXPECT_EQ(got[i].last, want[i].last);
    EXPECT_TRUE(Said(got[i]) == Said(want[i]));
  }
}

// The fewest prefixes: a range of the prefix tree, counted by splitting it at every node.
size_t FewestPrefixes(uint32_t first, uint32_t last, uint32_t node, uint32_t size) {
  if (last < node || first > node + size - 1) return 0;
  if (first <= node && node + size - 1 <= last) return 1;
  return FewestPrefixes(first, last, node, size / 2) +
         FewestPrefixes(first, last, node + size / 2, size / 2);
}

void ExpectExactCover(uint16_t first, uint16_t last) {
  const std::vector<PortPrefix> prefixes = PortPrefixes(first, last);
  ASSERT_LE(prefixes.size(), 30u);
  ASSERT_EQ(prefixes.size(), FewestPrefixes(first, last, 0, kPorts)) << first << "-" << last;
  uint32_t at = first;
  for (const PortPrefix& prefix : prefixes) {
    ASSERT_GE(prefix.bits, 0);
    ASSERT_LE(prefix.bits, 16);
    const uint32_t size = uint32_t{1} << (16 - prefix.bits);
    ASSERT_EQ(prefix.port, at) << first << "-" << last;
    ASSERT_EQ(prefix.port % size, 0u) << "host bits of " << prefix.port << "/" << prefix.bits;
    at += size;
  }
  ASSERT_EQ(at, uint32_t{last} + 1) << first << "-" << last;
}

TEST(PortPrefixesTest, EdgesAreCoveredExactly) {
  ExpectExactCover(0, 65535);
  ExpectExactCover(0, 0);
  ExpectExactCover(65535, 65535);
  ExpectExactCover(1, 65535);
  ExpectExactCover(0, 65534);
  ASSERT_EQ(PortPrefixes(0, 65535).size(), 1u);
  ASSERT_EQ(PortPrefixes(1, 65534).size(), 30u) << "the most there can be";
}

TEST(PortPrefixesTest, EveryPortBeginsAndEndsARange) {
  std::mt19937 random(4);
  for (uint32_t port = 0; port < kPorts; ++port) {
    const uint32_t other = random() % kPorts;
    ExpectExactCover(static_cast<uint16_t>(std::min(port, other)),
                     static_cast<uint16_t>(std::max(port, other)));
    ExpectExactCover(static_cast<uint16_t>(port), static_cast<uint16_t>(port));
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace varmor
