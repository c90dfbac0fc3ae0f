// Lowers BPF rules to the contents of a profile's maps.
#ifndef LIB_COMPILER_LOWER_LOWER_BPF_H_
#define LIB_COMPILER_LOWER_LOWER_BPF_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/artifact/bpf_map_abi.h"
#include "lib/compiler/automaton/path_tables.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/bpf_profile.h"
#include "lib/compiler/ir/bpf_rules.h"

namespace varmor {

struct BpfLimits {
  size_t rules = VARMOR_RULES_MAX;
  PathTableLimits tables;
  // Bytes of all path tables of a profile: above the first a warning, above the second an error.
  size_t soft_table_bytes = size_t{4} << 20;
  size_t hard_table_bytes = size_t{VARMOR_PAGES_MAX} * sizeof(varmor_path_page);
  size_t networks = VARMOR_ADDRESSES_MAX;
  size_t port_entries = VARMOR_PORTS_MAX;
  // Rules of all sets of addresses together; they take memory in the compiler only.
  size_t set_members = size_t{1} << 24;
};

// Rules that say the same are numbered once, in the order given; all of them join: a profile's
// decision on an event is the union of what its rules say, so no rule can weaken another.
//
// Errors in `diagnostics`: patterns whose automata do not fit, more rules than VARMOR_RULES_MAX.
// The profile must not be used then. INTERNAL only for input that resolving should have refused.
absl::StatusOr<BpfProfile> LowerBpf(const BpfRules& rules, absl::string_view profile_name,
                                    Diagnostics& diagnostics, const BpfLimits& limits = {});

}  // namespace varmor

#endif  // LIB_COMPILER_LOWER_LOWER_BPF_H_
