// Events that a rule of an artifact is about, found in the rule's text.
#ifndef LIB_COMPILER_POLICY_TEST_EXAMPLE_EVENTS_H_
#define LIB_COMPILER_POLICY_TEST_EXAMPLE_EVENTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "proto/artifact.pb.h"
#include "proto/event.pb.h"

namespace varmor {

// Events to try, most telling first; none when the text says nothing that this knows. They are
// guesses: whether the rule decides about one is for the simulator to say.
std::vector<Event> ExampleEvents(const RuleOrigin& rule);

// A path that an AppArmor or BPF pattern matches, with `filler` for its wildcards: "/etc/**" and
// "x" make "/etc/x".
std::string ExamplePath(absl::string_view pattern, absl::string_view filler);

}  // namespace varmor

#endif  // LIB_COMPILER_POLICY_TEST_EXAMPLE_EVENTS_H_
