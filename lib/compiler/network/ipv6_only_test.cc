#include "lib/compiler/network/ipv6_only.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/network/address_sets.h"
#include "lib/compiler/network/parse_address.h"

namespace varmor {
namespace {

int Covering(const std::vector<BpfPrefix>& prefixes, const char* address) {
  const BpfPrefix one = ParseAddress(address).value();
  return static_cast<int>(std::count_if(prefixes.begin(), prefixes.end(),
                                        [&](const BpfPrefix& p) { return Contains(p, one); }));
}

TEST(Ipv6OnlyTest, EveryAddressOfIpv6AndNoneOfIpv4) {
  const std::vector<BpfPrefix> prefixes = Ipv6Only(BpfPrefix{});
  EXPECT_EQ(prefixes.size(), 96u);
  EXPECT_TRUE(std::is_sorted(prefixes.begin(), prefixes.end()));
  for (const char* address : {"::", "::1", "::fffe:ffff:ffff", "::1:0:0:0", "::ffff:0:0:1",
                              "0:0:0:0:0:7fff::", "0:0:0:0:1:ffff::", "2001:db8::1",
                              "8000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    EXPECT_EQ(Covering(prefixes, address), 1) << address;
  }
  for (const char* address : {"0.0.0.0", "10.0.0.1", "255.255.255.255"}) {
    EXPECT_EQ(Covering(prefixes, address), 0) << address;
  }
}

TEST(Ipv6OnlyTest, ShortPrefixesKeepTheirEdges) {
  const std::vector<BpfPrefix> prefixes = Ipv6Only(ParseCidr("::/80").value());
  EXPECT_EQ(prefixes.size(), 16u);
  EXPECT_EQ(Covering(prefixes, "::1"), 1);
  EXPECT_EQ(Covering(prefixes, "::ffff:10.0.0.1"), 0);
  EXPECT_EQ(Covering(prefixes, "::1:0:0:0"), 0) << "outside";
}

TEST(Ipv6OnlyTest, OtherPrefixesStayAsTheyAre) {
  for (const char* cidr : {"2001:db8::/32", "::ffff:0:0/96", "10.0.0.0/8", "::1/128", "::/96",
                           "8000::/1", "0.0.0.0/0"}) {
    const BpfPrefix prefix = ParseCidr(cidr).value();
    EXPECT_THAT(Ipv6Only(prefix), ::testing::ElementsAre(prefix)) << cidr;
  }
}

}  // namespace
}  // namespace varmor
