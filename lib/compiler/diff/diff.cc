#include "lib/compiler/diff/diff.h"

#include <algorithm>
#include <tuple>

#include "lib/compiler/diff/diff_app_armor.h"
#include "lib/compiler/diff/diff_bpf.h"
#include "lib/compiler/diff/diff_seccomp.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

auto Key(const Change& change) {
  return std::make_tuple(change.enforcer, change.kind, change.what,
                         change.example.SerializeAsString());
}

}  // namespace

absl::StatusOr<DiffResult> Diff(const ArtifactSet& before, const ArtifactSet& after,
                                const SimulateOptions& options) {
  DiffResult result;
  if (before.app_armor != nullptr || after.app_armor != nullptr) {
    VARMOR_RETURN_IF_ERROR(DiffAppArmor(before.app_armor, after.app_armor, options, result));
  }
  if (before.bpf != nullptr || after.bpf != nullptr) {
    VARMOR_RETURN_IF_ERROR(DiffBpf(before.bpf, after.bpf, result));
  }
  if (before.seccomp != nullptr || after.seccomp != nullptr) {
    VARMOR_RETURN_IF_ERROR(DiffSeccomp(before.seccomp, after.seccomp, result));
  }
  std::stable_sort(result.changes.begin(), result.changes.end(),
                   [](const Change& a, const Change& b) { return Key(a) < Key(b); });
  return result;
}

}  // namespace varmor
