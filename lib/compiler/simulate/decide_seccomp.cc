#include "lib/compiler/simulate/decide_seccomp.h"

#include "absl/status/status.h"

namespace varmor {

absl::StatusOr<SeccompSimulator> SeccompSimulator::Load(const SeccompArtifact& /*artifact*/) {
  return absl::UnimplementedError("seccomp decisions");
}

absl::StatusOr<Verdict> SeccompSimulator::Decide(const Event& /*event*/) const {
  return absl::UnimplementedError("seccomp decisions");
}

}  // namespace varmor
