#include "lib/compiler/network/address_sets.h"

#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Address = std::array<uint8_t, 16>;

constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

bool BitOf(const Address& address, int bit) { return (address[bit / 8] >> (7 - bit % 8) & 1) != 0; }

// Bit by bit.
bool NaiveContains(const BpfPrefix& prefix, const Address& address) {
  for (int bit = 0; bit < prefix.bits; ++bit) {
    if (BitOf(prefix.address, bit) != BitOf(address, bit)) return false;
  }
  return true;
}

BpfPrefix PrefixOf(Address address, int bits) {
  for (int bit = bits; bit < 128; ++bit) {
    address[bit / 8] = static_cast<uint8_t>(address[bit / 8] & ~(0x80 >> (bit % 8)));
  }
  return {address, bits};
}

Address Ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d};
}

// What a longest-prefix match finds.
std::vector<uint32_t> Lookup(const std::vector<AddressSet>& sets, const Address& address) {
  const AddressSet* longest = nullptr;
  for (const AddressSet& set : sets) {
    if (!NaiveContains(set.prefix, address)) continue;
    if (longest == nullptr || set.prefix.bits > longest->prefix.bits) longest = &set;
  }
  return longest == nullptr ? std::vector<uint32_t>() : longest->rules;
}

std::vector<uint32_t> Covering(const std::vector<AddressRule>& rules, const Address& address) {
  std::set<uint32_t> covering;
  for (const AddressRule& rule : rules) {
    if (NaiveContains(rule.prefix, address)) covering.insert(rule.rule);
  }
  return {covering.begin(), covering.end()};
}

void ExpectSortedUnique(const std::vector<AddressSet>& sets) {
  for (size_t i = 0; i < sets.size(); ++i) {
    EXPECT_TRUE(i == 0 || sets[i - 1].prefix < sets[i].prefix) << i;
    EXPECT_TRUE(std::is_sorted(sets[i].rules.begin(), sets[i].rules.end()));
    EXPECT_EQ(std::adjacent_find(sets[i].rules.begin(), sets[i].rules.end()), sets[i].rules.end());
    EXPECT_FALSE(sets[i].rules.empty());
  }
}

// Addresses and prefixes with few distinct bits, so that they nest and repeat often.
class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  uint32_t Below(uint32_t bound) { return random_() % bound; }

  Address AddressOfEitherFamily() {
    Address address{};
    if (Below(2) == 0) {
      address = Ipv4(10, 0, 0, 0);
      address[13] = static_cast<uint8_t>(Below(4) << 6);
      address[15] = static_cast<uint8_t>(Below(256));
    } else {
      address[0] = 0x20;
      address[7] = static_cast<uint8_t>(Below(4));
      address[15] = static_cast<uint8_t>(Below(4) << 6);
    }
    return address;
  }

  BpfPrefix Prefix() {
    const Address address = AddressOfEitherFamily();
    const bool ipv4 = address[10] == 0xFF;
    switch (Below(8)) {
      case 0:
        return PrefixOf(address, 128);
      case 1:
        return PrefixOf(address, static_cast<int>(Below(12)));  // around both families
      default:
        return PrefixOf(address,
                        ipv4 ? static_cast<int>(96 + Below(33)) : static_cast<int>(Below(129)));
    }
  }

 private:
  std::mt19937 random_;
};

TEST(ContainsTest, AgreesWithComparingBitByBit) {
  Generator generator(1);
  int contained = 0;
  for (int i = 0; i < 20000; ++i) {
    const BpfPrefix outer = generator.Prefix();
    const BpfPrefix inner = generator.Prefix();
    const bool want = outer.bits <= inner.bits && NaiveContains(outer, inner.address);
    EXPECT_EQ(Contains(outer, inner), want);
    contained += want ? 1 : 0;
  }
  EXPECT_GT(contained, 1000);
}

TEST(CloseAddressesTest, NothingGivesNothing) {
  EXPECT_THAT(CloseAddresses({}, 0).value(), IsEmpty());
}

TEST(CloseAddressesTest, InnerPrefixesHaveTheRulesAroundThem) {
  const BpfPrefix ten = PrefixOf(Ipv4(10, 0, 0, 0), 104);
  const BpfPrefix ten_one = PrefixOf(Ipv4(10, 1, 0, 0), 112);
  const BpfPrefix one = PrefixOf(Ipv4(10, 1, 2, 3), 128);
  const BpfPrefix other = PrefixOf(Ipv4(11, 0, 0, 0), 104);
  const auto sets = CloseAddresses({{one, 7}, {other, 4}, {ten_one, 2}, {ten, 9}}, kNoLimit);
  ASSERT_TRUE(sets.has_value());
  ASSERT_EQ(sets->size(), 4u);
  EXPECT_EQ((*sets)[0].prefix, ten);
  EXPECT_THAT((*sets)[0].rules, ElementsAre(9));
  EXPECT_EQ((*sets)[1].prefix, ten_one);
  EXPECT_THAT((*sets)[1].rules, ElementsAre(2, 9));
  EXPECT_EQ((*sets)[2].prefix, one);
  EXPECT_THAT((*sets)[2].rules, ElementsAre(2, 7, 9));
  EXPECT_EQ((*sets)[3].prefix, other);
  EXPECT_THAT((*sets)[3].rules, ElementsAre(4));
}

TEST(CloseAddressesTest, PrefixesThatSayNothingNewAreLeftOut) {
  const BpfPrefix ten = PrefixOf(Ipv4(10, 0, 0, 0), 104);
  const BpfPrefix ten_one = PrefixOf(Ipv4(10, 1, 0, 0), 112);
  const BpfPrefix one = PrefixOf(Ipv4(10, 1, 2, 3), 128);
  // The middle one repeats its surroundings; the inner one still has to add its own rule.
  const auto sets =
      CloseAddresses({{ten, 1}, {ten_one, 1}, {one, 5}, {one, 1}, {one, 5}}, kNoLimit);
  ASSERT_TRUE(sets.has_value());
  ASSERT_EQ(sets->size(), 2u);
  EXPECT_EQ((*sets)[1].prefix, one);
  EXPECT_THAT((*sets)[1].rules, ElementsAre(1, 5));
}

TEST(CloseAddressesTest, TheZeroLengthPrefixIsAroundBothFamilies) {
  const BpfPrefix one = PrefixOf(Ipv4(192, 0, 2, 1), 128);
  Address ipv6{};
  ipv6[0] = 0xFE;
  const auto sets = CloseAddresses({{BpfPrefix{}, 3}, {one, 1}, {PrefixOf(ipv6, 8), 2}}, kNoLimit);
  ASSERT_TRUE(sets.has_value());
  EXPECT_THAT(Lookup(*sets, Ipv4(192, 0, 2, 1)), ElementsAre(1, 3));
  EXPECT_THAT(Lookup(*sets, Ipv4(192, 0, 2, 2)), ElementsAre(3));
  EXPECT_THAT(Lookup(*sets, ipv6), ElementsAre(2, 3));
}

// Sets together have 1 + 2 + 3 + 1 rules.
TEST(CloseAddressesTest, TheBoundOnMembersIsExact) {
  std::vector<AddressRule> rules = {{PrefixOf(Ipv4(10, 0, 0, 0), 104), 1},
                                    {PrefixOf(Ipv4(10, 1, 0, 0), 112), 2},
                                    {PrefixOf(Ipv4(10, 1, 1, 0), 120), 3},
                                    {PrefixOf(Ipv4(11, 0, 0, 0), 104), 4}};
  EXPECT_TRUE(CloseAddresses(rules, 7).has_value());
  EXPECT_FALSE(CloseAddresses(rules, 6).has_value());
}

TEST(CloseAddressesTest, LongestMatchSaysWhatAllCoveringPrefixesSay) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Generator generator(seed);
    std::vector<AddressRule> rules(1 + generator.Below(150));
    for (AddressRule& rule : rules) rule = {generator.Prefix(), generator.Below(25)};
    const auto sets = CloseAddresses(rules, kNoLimit);
    ASSERT_TRUE(sets.has_value());
    ExpectSortedUnique(*sets);
    for (int i = 0; i < 200; ++i) {
      const Address address = generator.AddressOfEitherFamily();
      ASSERT_EQ(Lookup(*sets, address), Covering(rules, address)) << i;
    }
    // The first and the last address of every prefix, and the address before it.
    for (const AddressRule& rule : rules) {
      Address last = rule.prefix.address;
      for (int bit = rule.prefix.bits; bit < 128; ++bit) last[bit / 8] |= 0x80 >> (bit % 8);
      ASSERT_EQ(Lookup(*sets, rule.prefix.address), Covering(rules, rule.prefix.address));
      ASSERT_EQ(Lookup(*sets, last), Covering(rules, last));
    }
  }
}

TEST(CloseAddressesTest, TheOrderOfRulesDoesNotMatter) {
  Generator generator(5);
  std::vector<AddressRule> rules(500);
  for (AddressRule& rule : rules) rule = {generator.Prefix(), generator.Below(50)};
  const auto want = CloseAddresses(rules, kNoLimit);
  std::mt19937 random(6);
  for (int round = 0; round < 5; ++round) {
    std::shuffle(rules.begin(), rules.end(), random);
    const auto got = CloseAddresses(rules, kNoLimit);
    ASSERT_EQ(got->size(), want->size());
    for (size_t i = 0; i < want->size(); ++i) {
      EXPECT_EQ((*got)[i].prefix, (*want)[i].prefix);
      EXPECT_EQ((*got)[i].rules, (*want)[i].rules);
    }
  }
}

TEST(CloseAddressesTest, TenThousandAddressesInsideTwoNetworks) {
  std::vector<AddressRule> rules = {{PrefixOf(Ipv4(10, 0, 0, 0), 104), 0},
                                    {PrefixOf(Ipv4(10, 1, 0, 0), 112), 1}};
  for (uint32_t i = 0; i < 10000; ++i) {
    rules.push_back({PrefixOf(Ipv4(10, static_cast<uint8_t>(i % 2), static_cast<uint8_t>(i >> 8),
                                   static_cast<uint8_t>(i)),
                              128),
                     2 + i});
  }
  const auto sets = CloseAddresses(rules, kNoLimit);
  ASSERT_TRUE(sets.has_value());
  ExpectSortedUnique(*sets);
  ASSERT_EQ(sets->size(), 10002u);
  for (const AddressSet& set : *sets) {
    if (set.prefix.bits < 128) continue;
    const uint32_t i = static_cast<uint32_t>(set.prefix.address[14]) << 8 | set.prefix.address[15];
    if (i % 2 == 0) {
      ASSERT_THAT(set.rules, ElementsAre(0, 2 + i));
    } else {
      ASSERT_THAT(set.rules, ElementsAre(0, 1, 2 + i));
    }
  }
}

}  // namespace
}  // namespace varmor
