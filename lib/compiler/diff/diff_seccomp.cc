#include "lib/compiler/diff/diff_seccomp.h"

namespace varmor {

absl::Status DiffSeccomp(const SeccompArtifact* /*before*/, const SeccompArtifact* /*after*/,
                 DiffResult& result) {
  result.undecided.push_back("Seccomp: comparing is not implemented");
  return absl::OkStatus();
}

}  // namespace varmor
