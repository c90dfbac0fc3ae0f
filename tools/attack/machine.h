// What the BPF enforcer must leave alone: the machine's own processes.
#ifndef TOOLS_ATTACK_MACHINE_H_
#define TOOLS_ATTACK_MACHINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/attack/matrix.h"

namespace varmor {

// Tries to confine the whole machine, confines a process that shares the machine's mounts, and
// traces a confined one from outside. `scratch` is an existing directory; `attacker` as in
// MatrixOptions. An error when the enforcer could not be had.
absl::StatusOr<std::vector<MatrixRow>> AttackTheMachine(const std::string& scratch,
                                                        const std::string& attacker);

}  // namespace varmor

#endif  // TOOLS_ATTACK_MACHINE_H_
