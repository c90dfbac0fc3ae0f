// The result of comparing compiled policies; see diff.h.
#ifndef LIB_COMPILER_DIFF_CHANGE_H_
#define LIB_COMPILER_DIFF_CHANGE_H_

#include <string>
#include <vector>

#include "lib/compiler/simulate/verdict.h"
#include "proto/event.pb.h"

namespace varmor {

// A set of events that are judged otherwise, with one of them.
struct Change {
  enum class Kind {
    kNewlyDenied,
    kNewlyAllowed,
    // The same outcome, but reported or not, or failing in another way (errno, killed).
    kAuditOnly,
  };
  Kind kind = Kind::kNewlyDenied;
  // "AppArmor", "BPF", "Seccomp".
  std::string enforcer;
  // What the set is about: "write /etc/**", "syscall unshare", "capability net_raw". For readers.
  std::string what;
  // One event of the set: the shortest, then the first in byte order.
  Event example;
  // What each side says about it.
  Verdict before;
  Verdict after;
};

struct DiffResult {
  // Sorted by enforcer, kind and example. One entry per kind, enforcer, class of event and pair of
  // responsible rules, so that each changed rule shows once.
  std::vector<Change> changes;
  // "AppArmor: dbus rules differ, and how is not compared": what is not covered by `changes`. While
  // it is not empty, no changes does not mean the same.
  std::vector<std::string> undecided;

  bool same() const { return changes.empty() && undecided.empty(); }
};

}  // namespace varmor

#endif  // LIB_COMPILER_DIFF_CHANGE_H_
