// What the simulator is given besides artifacts.
#ifndef LIB_COMPILER_SIMULATE_SIMULATE_OPTIONS_H_
#define LIB_COMPILER_SIMULATE_SIMULATE_OPTIONS_H_

#include <map>
#include <string>

namespace varmor {

// Texts that AppArmor profiles include: path below the include directory ("abstractions/base",
// "abstractions/base.d/local") to content.
using AppArmorIncludes = std::map<std::string, std::string>;

struct SimulateOptions {
  // Null: included texts are not at hand, and what depends on them is unknown.
  const AppArmorIncludes* includes = nullptr;
};

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_SIMULATE_OPTIONS_H_
