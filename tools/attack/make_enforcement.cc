#include "tools/attack/enforcement.h"

namespace varmor {

std::unique_ptr<Enforcement> MakeEnforcement(const std::string& name,
                                             const EnforcementOptions& options) {
  if (name == "AppArmor") return AppArmorEnforcement(options);
  if (name == "BPF") return BpfEnforcement();
  if (name == "Seccomp") return SeccompEnforcement();
  return nullptr;
}

}  // namespace varmor
