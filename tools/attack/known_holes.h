// Ways around an enforcer that it is known not to see, with the reason. They are tried all the
// same: one that is refused after all counts as proven.
#ifndef TOOLS_ATTACK_KNOWN_HOLES_H_
#define TOOLS_ATTACK_KNOWN_HOLES_H_

#include <string>

#include "proto/event.pb.h"
#include "tools/attack/cases.h"

namespace varmor {

// "" when the case's enforcer has to refuse the event in this way. `kernel`: 601 for Linux 6.1.
std::string KnownHole(const AttackCase& attack_case, const Event& event, const std::string& way,
                      int kernel);

}  // namespace varmor

#endif  // TOOLS_ATTACK_KNOWN_HOLES_H_
