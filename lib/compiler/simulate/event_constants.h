// The names that arguments of system calls have in C: "CLONE_NEWUSER", "O_CREAT". Data only.
#ifndef LIB_COMPILER_SIMULATE_EVENT_CONSTANTS_H_
#define LIB_COMPILER_SIMULATE_EVENT_CONSTANTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace varmor {

// Value of a constant by its exact name; negative ones (AT_FDCWD) as a 64-bit register holds them.
std::optional<uint64_t> EventConstant(absl::string_view name);

// Sorted: for "did you mean".
std::vector<std::string> EventConstantNames();

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_EVENT_CONSTANTS_H_
