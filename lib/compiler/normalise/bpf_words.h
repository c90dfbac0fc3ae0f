// The words of BPF rules and the bits they stand for.
#ifndef LIB_COMPILER_NORMALISE_BPF_WORDS_H_
#define LIB_COMPILER_NORMALISE_BPF_WORDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace varmor {

struct BpfWord {
  absl::string_view word;
  uint64_t bits;
  // Mount words only: bits of BpfMount::none (the flag has to be absent).
  uint64_t none_bits = 0;
};

// Bits of BpfAccess. Case-insensitive.
extern const absl::Span<const BpfWord> kFilePermissionWords;
// Bits of BpfPtracePermission. Case-insensitive.
extern const absl::Span<const BpfWord> kPtracePermissionWords;
// Bits of BpfMountBit. The one-letter words B, M and R are case-sensitive, all others are not.
extern const absl::Span<const BpfWord> kMountFlagWords;
// Bit n is AF_ number n, SOCK_ number n, IPPROTO_ number n. Case-insensitive.
extern const absl::Span<const BpfWord> kSocketDomainWords;
extern const absl::Span<const BpfWord> kSocketTypeWords;
extern const absl::Span<const BpfWord> kSocketProtocolWords;

// The entry for `word`: the exact spelling first, then without regard to case; null when there is
// none.
const BpfWord* FindBpfWord(absl::Span<const BpfWord> words, absl::string_view word);

// For "did you mean" and help texts, in the table's order.
std::vector<std::string> BpfWordNames(absl::Span<const BpfWord> words);

}  // namespace varmor

#endif  // LIB_COMPILER_NORMALISE_BPF_WORDS_H_
