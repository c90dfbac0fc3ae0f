// How the attacker brings an event about: each way is one line of its input (attacker/main.c).
#ifndef TOOLS_ATTACK_ATTACK_WAY_H_
#define TOOLS_ATTACK_ATTACK_WAY_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/event.pb.h"

namespace varmor {

struct AttackWay {
  // "" for the plain one; else the attacker's word for it: "fastopen".
  std::string name;
  std::string line;
};

// The plain way first. `stranger` is a process outside the container, for events about other
// processes; 0 when there is none. UNIMPLEMENTED, with the reason, for events that the attacker
// cannot bring about on this machine.
absl::StatusOr<std::vector<AttackWay>> AttackWays(const Event& event, pid_t stranger);

// The same in another way of the attacker's.
AttackWay OtherWay(const AttackWay& plain, const std::string& name);

// Ways that the enforcer ("" for none) refuses, whatever the object: where it has any rules about
// files, or a list of the programs that may run, and the file has no name; where it has rules about
// binds, and their source is not what is written.
bool RefusedOnPrinciple(const std::string& enforcer, const Event& event, const std::string& way);

// Whether the event is about a process outside the container, which has to be in sight of it.
bool NeedsStranger(const Event& event);

// What the attacker has to say when the event passed every check: "ok"; and errors that come later,
// such as that nobody listens at an address.
bool Reached(const Event& event, const std::string& outcome);

}  // namespace varmor

#endif  // TOOLS_ATTACK_ATTACK_WAY_H_
