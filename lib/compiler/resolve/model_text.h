// Profile texts out of a behaviour model: the stored one, or one made of what was recorded.
#ifndef LIB_COMPILER_RESOLVE_MODEL_TEXT_H_
#define LIB_COMPILER_RESOLVE_MODEL_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "proto/facts.pb.h"

namespace varmor {

// "" when there is no model (null) or nothing in it for the enforcer; `field`, which asked for the
// model, then has an error. Texts that vArmor 0.7 and before stored in base64 are decoded.
std::string ModelAppArmorText(const BehaviorModel* model, absl::string_view field,
                              Diagnostics& diagnostics);
std::string ModelSeccompText(const BehaviorModel* model, absl::string_view field,
                             Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_RESOLVE_MODEL_TEXT_H_
