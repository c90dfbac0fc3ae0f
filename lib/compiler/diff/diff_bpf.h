// Compares what two BPF artifacts mean; see diff.h.
//
// The bytes of the images are compared by what they decide: path tables are walked together over
// all strings, tries over all addresses and ports, mount rules over all calls that they tell apart.
// What counts is whether a call fails, whether it is reported, and, in a profile that only
// observes, whether enforcing would make it fail. Which rule is responsible, and how many there
// are, is no difference.
//
// Events that no kernel produces are none: paths that are relative or hold "//", "." or "..", files
// with a "/" at the end of their names, capabilities and families without a number in the kernel.
// Among strings of one length the example is the one of letters.
#ifndef LIB_COMPILER_DIFF_DIFF_BPF_H_
#define LIB_COMPILER_DIFF_DIFF_BPF_H_

#include <cstdint>

#include "absl/status/status.h"
#include "lib/compiler/diff/change.h"
#include "proto/artifact.pb.h"

namespace varmor {

struct DiffBpfOptions {
  // Work for each class of events; beyond it the class is undecided. This is a few seconds.
  uint64_t work = uint64_t{1} << 28;
  // Artifacts with equal digests are the same without looking further.
  bool trust_digests = true;
};

// Appends to `result`, unsorted. Null: allows everything. INVALID_ARGUMENT for what the compiler
// would not make.
absl::Status DiffBpf(const BpfArtifact* before, const BpfArtifact* after, DiffResult& result,
                     const DiffBpfOptions& options = {});

}  // namespace varmor

#endif  // LIB_COMPILER_DIFF_DIFF_BPF_H_
