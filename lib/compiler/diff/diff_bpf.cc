#include "lib/compiler/diff/diff_bpf.h"

namespace varmor {

absl::Status DiffBpf(const BpfArtifact* /*before*/, const BpfArtifact* /*after*/,
                 DiffResult& result) {
  result.undecided.push_back("Bpf: comparing is not implemented");
  return absl::OkStatus();
}

}  // namespace varmor
