#include "lib/compiler/network/ipv6_only.h"

#include <algorithm>

#include "lib/compiler/network/address_sets.h"

namespace varmor {

std::vector<BpfPrefix> Ipv6Only(const BpfPrefix& prefix) {
  // RFC 4291 section 2.5.5.2.
  BpfPrefix mapped;
  mapped.address[10] = mapped.address[11] = 0xFF;
  mapped.bits = 96;
  if (prefix.bits >= mapped.bits || !Contains(prefix, mapped)) return {prefix};

  // What leaves the way down to the mapped addresses at each bit.
  std::vector<BpfPrefix> rest;
  BpfPrefix beside = prefix;
  for (int bit = prefix.bits; bit < mapped.bits; ++bit) {
    const auto mask = static_cast<uint8_t>(0x80 >> (bit % 8));
    uint8_t& byte = beside.address[bit / 8];
    beside.bits = bit + 1;
    byte = static_cast<uint8_t>((byte & ~mask) | (~mapped.address[bit / 8] & mask));
    rest.push_back(beside);
    byte ^= mask;
  }
  std::sort(rest.begin(), rest.end());
  return rest;
}

}  // namespace varmor
