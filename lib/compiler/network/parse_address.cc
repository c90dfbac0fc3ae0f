#include "lib/compiler/network/parse_address.h"

#include <arpa/inet.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/status/mistake.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

// Bits before an IPv4 address in its mapped form, RFC 4291 section 2.5.5.2.
constexpr int kMappedBits = 96;

// The address, and whether the text had the dotted form of IPv4.
struct ParsedAddress {
  std::array<uint8_t, 16> bytes{};
  bool ipv4 = false;
};

absl::Status NoAddress(absl::string_view problem, absl::string_view fix) {
  return MistakeStatus(absl::StatusCode::kInvalidArgument, problem, fix);
}

absl::StatusOr<ParsedAddress> Parse(absl::string_view text) {
  ParsedAddress parsed;
  const std::string copy(text);
  // inet_pton stops at a terminator; a text with one inside is no address.
  if (copy.find('\0') == std::string::npos) {
    if (inet_pton(AF_INET, copy.c_str(), parsed.bytes.data() + 12) == 1) {
      parsed.bytes[10] = parsed.bytes[11] = 0xFF;
      parsed.ipv4 = true;
      return parsed;
    }
    if (inet_pton(AF_INET6, copy.c_str(), parsed.bytes.data()) == 1) return parsed;
  }
  if (text.find('%') != absl::string_view::npos) {
    return NoAddress("an address with a zone", "remove the part from \"%\" on");
  }
  return NoAddress("not an IP address", "write one such as 192.0.2.1 or 2001:db8::1");
}

void ClearHostBits(BpfPrefix& prefix) {
  for (int bit = prefix.bits; bit < 128; ++bit) {
    prefix.address[bit / 8] &= static_cast<uint8_t>(~(0x80u >> (bit % 8)));
  }
}

BpfPrefix MappedPrefix(uint8_t first_byte, int ipv4_bits) {
  BpfPrefix prefix;
  prefix.address[10] = prefix.address[11] = 0xFF;
  prefix.address[12] = first_byte;
  prefix.bits = kMappedBits + ipv4_bits;
  return prefix;
}

BpfPrefix Ipv6Prefix(uint8_t last_byte) {
  BpfPrefix prefix;
  prefix.address[15] = last_byte;
  prefix.bits = 128;
  return prefix;
}

}  // namespace

absl::StatusOr<BpfPrefix> ParseAddress(absl::string_view text) {
  if (text.find('/') != absl::string_view::npos) {
    return NoAddress("a network, not an address", "write it under \"cidr\"");
  }
  VARMOR_ASSIGN_OR_RETURN(const ParsedAddress parsed, Parse(text));
  BpfPrefix prefix;
  prefix.address = parsed.bytes;
  prefix.bits = 128;
  return prefix;
}

absl::StatusOr<BpfPrefix> ParseCidr(absl::string_view text) {
  const size_t slash = text.find('/');
  if (slash == absl::string_view::npos) {
    return NoAddress("not a network", "write ADDRESS/BITS, or use \"ip\"");
  }
  VARMOR_ASSIGN_OR_RETURN(const ParsedAddress parsed, Parse(text.substr(0, slash)));
  const absl::string_view digits = text.substr(slash + 1);
  const int most = parsed.ipv4 ? 32 : 128;
  int bits = 0;
  const bool number = !digits.empty() && digits.size() <= 3 &&
                      digits.find_first_not_of("0123456789") == absl::string_view::npos &&
                      absl::SimpleAtoi(digits, &bits);
  if (!number || bits > most) {
    return NoAddress(absl::StrCat("the part after \"/\" is not 0 to ", most),
                     "write the number of network bits");
  }
  BpfPrefix prefix;
  prefix.address = parsed.bytes;
  prefix.bits = parsed.ipv4 ? kMappedBits + bits : bits;
  ClearHostBits(prefix);
  return prefix;
}

absl::StatusOr<std::vector<BpfPrefix>> ParseDestination(absl::string_view text) {
  const std::vector<BpfPrefix> unspecified = {MappedPrefix(0, 32), Ipv6Prefix(0)};
  if (text == "unspecified") return unspecified;
  if (text == "localhost") {
    std::vector<BpfPrefix> prefixes = unspecified;
    prefixes.push_back(MappedPrefix(127, 8));
    prefixes.push_back(Ipv6Prefix(1));
    return prefixes;
  }
  VARMOR_ASSIGN_OR_RETURN(const BpfPrefix prefix, ParseAddress(text));
  return std::vector<BpfPrefix>{prefix};
}

}  // namespace varmor
