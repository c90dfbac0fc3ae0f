// What conditions on syscall arguments mean: exact answers over all 64-bit values.
#ifndef LIB_COMPILER_SECCOMP_ARGUMENT_CONDITION_H_
#define LIB_COMPILER_SECCOMP_ARGUMENT_CONDITION_H_

#include <cstdint>
#include <vector>

#include "lib/compiler/ir/seccomp_rules.h"

namespace varmor {

// Whether `value` meets the condition, as libseccomp compares: unsigned, 64 bits;
// SCMP_CMP_MASKED_EQ takes `arg.value` as the mask and `arg.value_two` as the datum, whose bits
// outside the mask do not count.
bool ConditionHolds(const SeccompArg& arg, uint64_t value);

// Whether some value, or every value, meets the condition.
bool CanHold(const SeccompArg& arg);
bool AlwaysHolds(const SeccompArg& arg);

// Conditions that all have to hold; no index twice.
using ArgConjunction = std::vector<SeccompArg>;

// The alternatives that an OCI entry's arguments stand for: all arguments together, or, as soon as
// an index occurs twice, each argument alone. Each alternative is in normal form: sorted by index,
// data cut to their masks, conditions that always hold left out. Alternatives that cannot hold and
// repetitions are left out; no arguments at all are one alternative without conditions.
std::vector<ArgConjunction> Alternatives(const std::vector<SeccompArg>& args);

// Whether one call can meet both.
bool CanBothHold(const ArgConjunction& a, const ArgConjunction& b);

}  // namespace varmor

#endif  // LIB_COMPILER_SECCOMP_ARGUMENT_CONDITION_H_
