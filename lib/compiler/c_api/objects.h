// What the handles of varmor.h point to. Plain values, complete before a caller sees them and never
// changed afterwards, so that threads may share them.
#ifndef LIB_COMPILER_C_API_OBJECTS_H_
#define LIB_COMPILER_C_API_OBJECTS_H_

#include <cstddef>
#include <new>
#include <string>
#include <vector>

// Its structures are global as well: two of one name, in different files, would be merged by the
// linker without a word. Here the compiler sees them side by side.
#include "lib/compiler/artifact/bpf_map_abi.h"
#include "lib/compiler/c_api/varmor.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/simulate/decide.h"

struct varmor_artifact {
  varmor_artifact_kind kind = VARMOR_ARTIFACT_NONE;
  std::string name;
  std::string bytes;
  bool has_holes = false;
};

struct varmor_diagnostic {
  varmor::Diagnostic diagnostic;
  std::string text;
};

struct varmor_policy {
  std::string name;
  std::string name_space;
  // With the artifacts as messages, for the simulator. Its diagnostics have moved to the result.
  varmor::CompileResult compiled;
  bool has_errors = false;
  std::vector<varmor_artifact> artifacts;
};

struct varmor_result {
  std::vector<varmor_policy> policies;
  std::vector<varmor_diagnostic> diagnostics;
};

struct varmor_simulator {
  varmor::Simulator simulator;
};

struct varmor_ruling {
  std::string enforcer;
  std::string word;
  varmor::Verdict verdict;
};

struct varmor_answer {
  std::string problem;
  varmor_ruling combined;
  std::vector<varmor_ruling> rulings;
};

namespace varmor {

// Runs what may throw: the C++ library does not, but memory may run out below it.
template <typename Body>
varmor_status Guarded(Body body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return VARMOR_OUT_OF_MEMORY;
  } catch (...) {
    return VARMOR_INTERNAL_FAULT;
  }
}

// The item, or null past the end.
template <typename Item>
const Item* At(const std::vector<Item>& items, size_t index) {
  return index < items.size() ? &items[index] : nullptr;
}

}  // namespace varmor

#endif  // LIB_COMPILER_C_API_OBJECTS_H_
