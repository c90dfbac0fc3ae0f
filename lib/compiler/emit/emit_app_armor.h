// AppArmorProfile -> text with holes. Prints, decides nothing.
#ifndef LIB_COMPILER_EMIT_EMIT_APP_ARMOR_H_
#define LIB_COMPILER_EMIT_EMIT_APP_ARMOR_H_

#include <string>

#include "lib/compiler/ir/app_armor_profile.h"
#include "proto/artifact.pb.h"

namespace varmor {

// The artifact's pieces are text and holes in turn; see bind/bind_app_armor.h. Its rules list every
// line that has an origin, once per origin; a line of a child says so ("child_0: /etc/** wl").
AppArmorArtifact EmitAppArmor(const AppArmorProfile& profile);

// The text of a profile that has no disk lines.
std::string AppArmorText(const AppArmorProfile& profile);

}  // namespace varmor

#endif  // LIB_COMPILER_EMIT_EMIT_APP_ARMOR_H_
