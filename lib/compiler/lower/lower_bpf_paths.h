// The path tables of a BPF profile: files, executed files, mount sources.
#ifndef LIB_COMPILER_LOWER_LOWER_BPF_PATHS_H_
#define LIB_COMPILER_LOWER_LOWER_BPF_PATHS_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/bpf_profile.h"
#include "lib/compiler/lower/lower_bpf.h"

namespace varmor {

// A rule and its number.
template <typename Rule>
using Numbered = std::vector<std::pair<uint16_t, const Rule*>>;

// Fills header tables, pages, accepts, mount rules and table summaries of `profile`. Rules come in
// the order of their numbers.
absl::Status LowerBpfPaths(const Numbered<BpfFile>& files, const Numbered<BpfMount>& mounts,
                           const BpfLimits& limits, BpfProfile& profile, Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_LOWER_LOWER_BPF_PATHS_H_
