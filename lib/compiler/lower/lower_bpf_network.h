// The network part of a BPF profile: sockets, and who may be connected to.
#ifndef LIB_COMPILER_LOWER_LOWER_BPF_NETWORK_H_
#define LIB_COMPILER_LOWER_LOWER_BPF_NETWORK_H_

#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/bpf_profile.h"
#include "lib/compiler/lower/lower_bpf_paths.h"

namespace varmor {

// Fills `sockets` and `socket_verdicts`: every family, type and protocol class is decided here, so
// the program looks up one cell.
void LowerSockets(const Numbered<BpfSocket>& rules, BpfProfile& profile);

// Fills `addresses`, `ports` and the header's set for the pod's own addresses. Reports an error
// when they have no room.
void LowerEgress(const Numbered<BpfEgress>& rules, const BpfLimits& limits, BpfProfile& profile,
                 Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_LOWER_LOWER_BPF_NETWORK_H_
