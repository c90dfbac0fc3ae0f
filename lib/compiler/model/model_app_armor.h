// The AppArmor profile that a recorded behaviour amounts to: what was seen is allowed, the rest is
// not.
#ifndef LIB_COMPILER_MODEL_MODEL_APP_ARMOR_H_
#define LIB_COMPILER_MODEL_MODEL_APP_ARMOR_H_

#include <string>

#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "proto/facts.pb.h"

namespace varmor {

struct ModelAppArmorOptions {
  // Allow the recorded kinds of sockets only. Without it (or when none were recorded) every socket
  // is allowed, as a recording rarely sees all of them.
  bool recorded_sockets_only = false;
  // Allow the recorded ptrace and signal peers besides the profile itself.
  bool recorded_peers = false;
};

// The text of the finished profile; "" when there are mistakes, each an error at `field`, which
// asked for the model: nothing recorded, no profile name or several of them, a word that no rule
// can be made of. Reads both generations of the message (`appArmor` and `apparmor`, object and list
// of sockets). Lines are sorted, so the order of recording does not matter.
//
// Recorded paths are taken literally (W-41), except that a component that is just "*" stands for
// any name: the recorder writes it for names that look random.
//
// A model allows what was recorded, abstractions/base, umount, and signals and ptrace among the
// profile's own processes; nothing else. In particular nothing is added for the start of the
// container itself, so a recording has to cover it (W-39): if no executed file was recorded, there
// is a warning "model-baseline".
std::string ModelAppArmor(const DynamicResult& recorded, absl::string_view field,
                          const ModelAppArmorOptions& options, Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_MODEL_MODEL_APP_ARMOR_H_
