#include "lib/compiler/network/parse_address.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

// Sixteen bytes in groups as an address of IPv6 has them, all digits written: nothing is left to
// the library that the parser uses.
std::string Text(const BpfPrefix& prefix) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < prefix.address.size(); ++i) {
    if (i > 0 && i % 2 == 0) text += ':';
    text += kDigits[prefix.address[i] >> 4];
    text += kDigits[prefix.address[i] & 15];
  }
  return absl::StrCat(text, "/", prefix.bits);
}

// The prefix, or the whole message.
std::string AddressOrProblem(absl::string_view text) {
  const absl::StatusOr<BpfPrefix> prefix = ParseAddress(text);
  EXPECT_TRUE(prefix.ok() || absl::IsInvalidArgument(prefix.status())) << text;
  return prefix.ok() ? Text(*prefix) : std::string(prefix.status().message());
}

std::string CidrOrProblem(absl::string_view text) {
  const absl::StatusOr<BpfPrefix> prefix = ParseCidr(text);
  EXPECT_TRUE(prefix.ok() || absl::IsInvalidArgument(prefix.status())) << text;
  return prefix.ok() ? Text(*prefix) : std::string(prefix.status().message());
}

std::string DestinationOrProblem(absl::string_view text) {
  const absl::StatusOr<std::vector<BpfPrefix>> prefixes = ParseDestination(text);
  if (!prefixes.ok()) {
    EXPECT_EQ(prefixes.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(prefixes.status().message());
  }
  return absl::StrJoin(*prefixes, " ", [](std::string* out, const BpfPrefix& prefix) {
    absl::StrAppend(out, Text(prefix));
  });
}

struct Case {
  absl::string_view text;
  const char* want;
};

constexpr char kNoAddress[] = "not an IP address; write one such as 192.0.2.1 or 2001:db8::1";
constexpr char kZone[] = "an address with a zone; remove the part from \"%\" on";
constexpr char kNetwork[] = "a network, not an address; write it under \"cidr\"";
constexpr char kNoNetwork[] = "not a network; write ADDRESS/BITS, or use \"ip\"";
constexpr char kBits32[] = "the part after \"/\" is not 0 to 32; write the number of network bits";
constexpr char kBits128[] =
    "the part after \"/\" is not 0 to 128; write the number of network bits";

TEST(ParseAddressTest, ReadsAddressesOfBothFamilies) {
  const Case cases[] = {
      {"192.0.2.1", "0000:0000:0000:0000:0000:ffff:c000:0201/128"},
      {"0.0.0.0", "0000:0000:0000:0000:0000:ffff:0000:0000/128"},
      {"255.255.255.255", "0000:0000:0000:0000:0000:ffff:ffff:ffff/128"},
      {"::", "0000:0000:0000:0000:0000:0000:0000:0000/128"},
      {"::1", "0000:0000:0000:0000:0000:0000:0000:0001/128"},
      {"2001:DB8::A", "2001:0db8:0000:0000:0000:0000:0000:000a/128"},
      {"fe80:1:2:3:4:5:6:7", "fe80:0001:0002:0003:0004:0005:0006:0007/128"},
      // The deprecated IPv4-compatible form is no mapped address.
      {"::10.0.0.1", "0000:0000:0000:0000:0000:0000:0a00:0001/128"},
      {"64:ff9b::192.0.2.1", "0064:ff9b:0000:0000:0000:0000:c000:0201/128"},
  };
  for (const Case& c : cases) EXPECT_EQ(AddressOrProblem(c.text), c.want) << c.text;
}

TEST(ParseAddressTest, MappedLiteralsAreTheirIpv4Address) {
  const std::string want = AddressOrProblem("169.254.169.254");
  EXPECT_EQ(AddressOrProblem("::ffff:169.254.169.254"), want);
  EXPECT_EQ(AddressOrProblem("::FFFF:a9fe:a9fe"), want);
  EXPECT_EQ(AddressOrProblem("0:0:0:0:0:ffff:a9fe:a9fe"), want);
}

TEST(ParseAddressTest, SaysWhatIsWrongWithAnAddress) {
  const Case cases[] = {
      {"", kNoAddress},
      {"localhost", kNoAddress},
      {"example.com", kNoAddress},
      {"1.2.3", kNoAddress},
      {"1.2.3.4.5", kNoAddress},
      {"1.2.3.256", kNoAddress},
      // Octal to some readers, decimal to others.
      {"010.0.0.1", kNoAddress},
      {"0x7f.0.0.1", kNoAddress},
      {"2130706433", kNoAddress},
      {" 1.2.3.4", kNoAddress},
      {"1.2.3.4 ", kNoAddress},
      {"1.2.3.4:80", kNoAddress},
      {"[::1]", kNoAddress},
      {"1::2::3", kNoAddress},
      {":::", kNoAddress},
      {"12345::", kNoAddress},
      {"1:2:3:4:5:6:7", kNoAddress},
      {absl::string_view("1.2.3.4\0", 8), kNoAddress},
      {absl::string_view("::1\0.5", 6), kNoAddress},
      {"fe80::1%eth0", kZone},
      {"fe80::1%", kZone},
      {"10.0.0.0/8", kNetwork},
      {"::1/128", kNetwork},
      {"/", kNetwork},
  };
  for (const Case& c : cases) EXPECT_EQ(AddressOrProblem(c.text), c.want) << c.text;
}

TEST(ParseCidrTest, ClearsHostBits) {
  const Case cases[] = {
      {"192.168.1.1/24", "0000:0000:0000:0000:0000:ffff:c0a8:0100/120"},
      {"192.168.1.255/25", "0000:0000:0000:0000:0000:ffff:c0a8:0180/121"},
      {"10.255.255.255/9", "0000:0000:0000:0000:0000:ffff:0a80:0000/105"},
      {"255.255.255.255/0", "0000:0000:0000:0000:0000:ffff:0000:0000/96"},
      {"255.255.255.255/1", "0000:0000:0000:0000:0000:ffff:8000:0000/97"},
      {"1.2.3.4/32", "0000:0000:0000:0000:0000:ffff:0102:0304/128"},
      {"2001:db8:ffff::1/33", "2001:0db8:8000:0000:0000:0000:0000:0000/33"},
      {"fe80::1/10", "fe80:0000:0000:0000:0000:0000:0000:0000/10"},
      {"ffff::/0", "0000:0000:0000:0000:0000:0000:0000:0000/0"},
      {"::1/128", "0000:0000:0000:0000:0000:0000:0000:0001/128"},
      {"::1/127", "0000:0000:0000:0000:0000:0000:0000:0000/127"},
      {"10.0.0.0/08", "0000:0000:0000:0000:0000:ffff:0a00:0000/104"},
  };
  for (const Case& c : cases) EXPECT_EQ(CidrOrProblem(c.text), c.want) << c.text;
}

// W-26: vArmor took the mask for one of IPv4, so such a network was a single address.
TEST(ParseCidrTest, MappedNetworksAreTheirIpv4Network) {
  EXPECT_EQ(CidrOrProblem("::ffff:10.0.0.0/104"), CidrOrProblem("10.0.0.0/8"));
  EXPECT_EQ(CidrOrProblem("::ffff:10.1.2.3/104"), CidrOrProblem("10.0.0.0/8"));
  EXPECT_EQ(CidrOrProblem("::ffff:0:0/96"), CidrOrProblem("0.0.0.0/0"));
  EXPECT_EQ(CidrOrProblem("::ffff:c000:201/128"), CidrOrProblem("192.0.2.1/32"));
}

TEST(ParseCidrTest, SaysWhatIsWrongWithANetwork) {
  const Case cases[] = {
      {"", kNoNetwork},
      {"10.0.0.0", kNoNetwork},
      {"::1", kNoNetwork},
      {"/8", kNoAddress},
      {"localhost/8", kNoAddress},
      {"10.0.0/8", kNoAddress},
      {"fe80::%eth0/64", kZone},
      {"10.0.0.0/", kBits32},
      {"10.0.0.0/33", kBits32},
      {"10.0.0.0/-1", kBits32},
      {"10.0.0.0/+8", kBits32},
      {"10.0.0.0/ 8", kBits32},
      {"10.0.0.0/8 ", kBits32},
      {"10.0.0.0/8/8", kBits32},
      {"10.0.0.0/255.0.0.0", kBits32},
      {"10.0.0.0/0008", kBits32},
      {"::ffff:10.0.0.0/129", kBits128},
      {"::/129", kBits128},
      {"::/64%eth0", kBits128},
      {"::/99999999999999999999", kBits128},
  };
  for (const Case& c : cases) EXPECT_EQ(CidrOrProblem(c.text), c.want) << c.text;
}

TEST(ParseDestinationTest, KnowsTheWords) {
  const std::string unspecified =
      "0000:0000:0000:0000:0000:ffff:0000:0000/128 0000:0000:0000:0000:0000:0000:0000:0000/128";
  EXPECT_EQ(DestinationOrProblem("unspecified"), unspecified);
  EXPECT_EQ(DestinationOrProblem("localhost"), unspecified +
                                                   " 0000:0000:0000:0000:0000:ffff:7f00:0000/104"
                                                   " 0000:0000:0000:0000:0000:0000:0000:0001/128");
  EXPECT_EQ(DestinationOrProblem("192.0.2.1"), AddressOrProblem("192.0.2.1"));
}

TEST(ParseDestinationTest, WordsAreExact) {
  const Case cases[] = {
      {"Localhost", kNoAddress},   {"localhost ", kNoAddress}, {"pod-self", kNoAddress},
      {"UNSPECIFIED", kNoAddress}, {"", kNoAddress},           {"10.0.0.0/8", kNetwork},
  };
  for (const Case& c : cases) EXPECT_EQ(DestinationOrProblem(c.text), c.want) << c.text;
}

}  // namespace
}  // namespace varmor
