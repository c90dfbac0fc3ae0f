// Fills the holes of an AppArmor artifact with what a node knows.
#ifndef LIB_COMPILER_BIND_BIND_APP_ARMOR_H_
#define LIB_COMPILER_BIND_BIND_APP_ARMOR_H_

#include <string>

#include "absl/status/statusor.h"
#include "proto/artifact.pb.h"
#include "proto/facts.pb.h"

namespace varmor {

// The profile for one node: a hole becomes one line per disk device, in the order of their names,
// each device once; without devices it becomes nothing.
//
// INVALID_ARGUMENT for a device whose name is not made of [A-Za-z0-9._!-] (and "/" between such
// parts, "cciss/c0d0"; never "." or ".."), or for a hole of a kind this function does not know.
absl::StatusOr<std::string> BindAppArmor(const AppArmorArtifact& artifact, const NodeFacts& facts);

// The text with a comment in place of each hole: valid, but without the rules about disks.
std::string UnboundText(const AppArmorArtifact& artifact);

bool HasHoles(const AppArmorArtifact& artifact);

}  // namespace varmor

#endif  // LIB_COMPILER_BIND_BIND_APP_ARMOR_H_
