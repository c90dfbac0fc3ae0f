// Networks of IPv6 in the space that holds both families.
#ifndef LIB_COMPILER_NETWORK_IPV6_ONLY_H_
#define LIB_COMPILER_NETWORK_IPV6_ONLY_H_

#include <vector>

#include "lib/compiler/ir/bpf_rules.h"

namespace varmor {

// `prefix` without the mapped addresses of IPv4, which lie inside short prefixes: who writes "::/0"
// means IPv6. Sorted; one prefix when there are none of those inside, else at most 96. A prefix
// that has only mapped addresses stays as it is.
std::vector<BpfPrefix> Ipv6Only(const BpfPrefix& prefix);

}  // namespace varmor

#endif  // LIB_COMPILER_NETWORK_IPV6_ONLY_H_
