// Which system calls bring an event about: what a filter can tell about events that are no calls.
#ifndef LIB_COMPILER_SIMULATE_SECCOMP_EVENT_CALLS_H_
#define LIB_COMPILER_SIMULATE_SECCOMP_EVENT_CALLS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/seccomp/argument_condition.h"
#include "proto/event.pb.h"

namespace varmor {

struct EventCall {
  std::string name;
  // What is known about its arguments; the others may be anything.
  ArgConjunction args;
};

// Calls that are all needed.
using EventWay = std::vector<EventCall>;

struct EventCalls {
  // Each way suffices. Calls that the architecture does not have are not filtered out here. Empty
  // when a filter cannot see such events.
  std::vector<EventWay> ways;
  // Why the ways cannot be told, without a full stop: "no number is known for protocol \"x\""; else
  // "".
  std::string unknown;
};

// For every event but those of syscalls. Left out are ways through files of /proc, which are
// file accesses, and creating sockets through io_uring, which is io_uring_enter.
EventCalls CallsOfEvent(const Event& event, absl::string_view architecture);

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_SECCOMP_EVENT_CALLS_H_
