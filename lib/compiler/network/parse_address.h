// Addresses as people write them to prefixes of the 128-bit space that holds both families.
#ifndef LIB_COMPILER_NETWORK_PARSE_ADDRESS_H_
#define LIB_COMPILER_NETWORK_PARSE_ADDRESS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/ir/bpf_rules.h"

namespace varmor {

// All three return INVALID_ARGUMENT, a MistakeStatus, for text that is none of theirs.
// IPv4 becomes ::ffff:a.b.c.d, and so is the same as the mapped address written out.

// One IPv4 or IPv6 address, without a zone: a prefix of 128 bits.
absl::StatusOr<BpfPrefix> ParseAddress(absl::string_view text);

// ADDRESS/BITS. Host bits are cleared: "192.168.1.1/24" is 192.168.1.0/24.
absl::StatusOr<BpfPrefix> ParseCidr(absl::string_view text);

// An address, or a word: "localhost" is 127.0.0.0/8, ::1 and the unspecified addresses, since
// connecting to those reaches the same host; "unspecified" is 0.0.0.0 and ::.
absl::StatusOr<std::vector<BpfPrefix>> ParseDestination(absl::string_view text);

}  // namespace varmor

#endif  // LIB_COMPILER_NETWORK_PARSE_ADDRESS_H_
