// Events as people write them, one line each; docs/events.md is the grammar.
//
//     write /etc/passwd                     exec /bin/sh
//     connect 10.0.0.1:443                  capability net_raw
//     mount proc on /proc type proc options nosuid,nodev
//     syscall unshare(CLONE_NEWUSER)        ptrace trace
//     signal kill to unconfined             socket inet stream tcp
#ifndef LIB_COMPILER_SIMULATE_EVENT_TEXT_H_
#define LIB_COMPILER_SIMULATE_EVENT_TEXT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "proto/event.pb.h"

namespace varmor {

// Parses one event. Mistakes are errors at `field`, with `inside` set to their column; false when
// there was one. Words are checked here, with "did you mean": what parses, Simulator::Decide
// accepts.
bool ParseEventText(absl::string_view text, absl::string_view field, Event& event,
                    Diagnostics& diagnostics);

// The text of an event; parsing it gives the same event. Every Event has one.
std::string EventText(const Event& event);

// The code of the error about a line that reports no violation at all.
inline constexpr char kForeignLine[] = "foreign-line";

// The event that a line of a log reports: the kernel's audit record of AppArmor ("apparmor=...") or
// seccomp ("type=1326", "type=SECCOMP"), in any of the forms of dmesg, journal and audit.log, or a
// violation of vArmor in JSON. False and an error when the line is none of these (its code is
// kForeignLine), or lacks something that the event needs (it is said what).
bool ParseViolationLine(absl::string_view line, absl::string_view field, Event& event,
                        Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_EVENT_TEXT_H_
