// Seccomp rules -> one OCI profile whose meaning does not depend on the runtime that reads it.
#ifndef LIB_COMPILER_LOWER_LOWER_SECCOMP_H_
#define LIB_COMPILER_LOWER_LOWER_SECCOMP_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/seccomp_profile.h"
#include "lib/compiler/ir/seccomp_rules.h"

namespace varmor {

// Lowers `rules` for nodes with these `architectures` ("SCMP_ARCH_X86_64", native first).
//
// The entries are: those of the base (kText, kRecord), then raw rules in the order given, then
// built-in rules in the order given. An entry that lists an argument index twice becomes one entry
// per argument. Under a default of SCMP_ACT_ALLOW entries have one name each. Entries are never
// merged; left out are exact duplicates, what an entry without arguments and with the same action
// covers, and what the default action does anyway (a warning or a strict error when a person wrote
// it).
//
// A rule for some architectures only is kept when one of `architectures` is among them; a profile
// cannot limit an entry to an architecture, so a list that mixes both kinds gives a warning.
//
// kText: the base's default action is replaced, its architectures are kept if it has some.
//
// Raw rules are expected to have passed ValidateSyscalls; the base text is checked here. Returns
// INVALID_ARGUMENT when `architectures` is empty or has an unknown word, INTERNAL when a built-in
// rule is malformed. With an error in `diagnostics` the profile must not be used.
absl::StatusOr<SeccompProfile> LowerSeccomp(const SeccompRules& rules,
                                            const std::vector<std::string>& architectures,
                                            Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_LOWER_LOWER_SECCOMP_H_
