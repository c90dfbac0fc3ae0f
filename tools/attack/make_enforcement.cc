#include "tools/attack/enforcement.h"

namespace varmor {

std::unique_ptr<Enforcement> MakeEnforcement(const std::string& name) {
  if (name == "Seccomp") return SeccompEnforcement();
  return nullptr;
}

}  // namespace varmor
