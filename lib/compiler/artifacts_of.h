// From what the compiler returns to what the simulator and diff ask.
#ifndef LIB_COMPILER_ARTIFACTS_OF_H_
#define LIB_COMPILER_ARTIFACTS_OF_H_

#include "lib/compiler/compile.h"
#include "lib/compiler/simulate/decide.h"

namespace varmor {

// The artifacts of `result`, which has to stay while the set is used.
inline ArtifactSet ArtifactsOf(const CompileResult& result) {
  ArtifactSet set;
  if (result.app_armor.has_value()) set.app_armor = &*result.app_armor;
  if (result.bpf.has_value()) set.bpf = &*result.bpf;
  if (result.seccomp.has_value()) set.seccomp = &*result.seccomp;
  return set;
}

}  // namespace varmor

#endif  // LIB_COMPILER_ARTIFACTS_OF_H_
