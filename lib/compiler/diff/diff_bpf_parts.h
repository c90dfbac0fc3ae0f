// The comparisons that DiffBpf consists of, one for each class of events. Each asks `changes` about
// events that stand for all others of its class. RESOURCE_EXHAUSTED when `work` ended first;
// INVALID_ARGUMENT for images that the compiler would not make.
#ifndef LIB_COMPILER_DIFF_DIFF_BPF_PARTS_H_
#define LIB_COMPILER_DIFF_DIFF_BPF_PARTS_H_

#include "absl/status/status.h"
#include "lib/compiler/diff/diff_bpf_changes.h"

namespace varmor {

absl::Status CompareBpfFiles(BpfChanges& changes, BpfDiffWork& work);
absl::Status CompareBpfExec(BpfChanges& changes, BpfDiffWork& work);
absl::Status CompareBpfMounts(BpfChanges& changes, BpfDiffWork& work);
absl::Status CompareBpfSockets(BpfChanges& changes, BpfDiffWork& work);
absl::Status CompareBpfEgress(BpfChanges& changes, BpfDiffWork& work);
// Capabilities, tracing and operations with a hook of their own.
absl::Status CompareBpfRest(BpfChanges& changes, BpfDiffWork& work);

}  // namespace varmor

#endif  // LIB_COMPILER_DIFF_DIFF_BPF_PARTS_H_
