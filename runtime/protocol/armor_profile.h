// ArmorProfile objects: what the manager compiled, on its way to the agents (DESIGN.md, decision
// 37).
#ifndef RUNTIME_PROTOCOL_ARMOR_PROFILE_H_
#define RUNTIME_PROTOCOL_ARMOR_PROFILE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/simulate/decide.h"
#include "proto/armor_profile.pb.h"
#include "runtime/protocol/json_fields.h"

namespace varmor {

// A spec must be smaller: etcd takes 1.5 MiB, and every node reads every profile.
inline constexpr size_t kMaxArmorProfileBytes = 1 << 20;
// What `artifacts` may unpack to; a larger one is refused before it takes memory.
inline constexpr size_t kMaxArtifactBytes = 256 << 20;

struct ArmorProfileSpec {
  // As in the policy; null: none.
  Json target;
  std::string profile_name;
  // "AppArmorBPF", as EnforcerSetName has it.
  std::string enforcer;
  // "enforce" or "complain".
  std::string mode;
  // One for each enforcer, named `profile_name`.
  ArmorProfileArtifacts artifacts;
  // Mode BehaviorModeling while it records, and for how many minutes.
  bool modeling = false;
  int64_t modeling_minutes = 0;
  bool update_existing_workloads = false;
};

// The object's `spec`. Deterministic. RESOURCE_EXHAUSTED when it is too large, with both numbers.
absl::StatusOr<Json> ArmorProfileSpecJson(const ArmorProfileSpec& spec);

// The controller among the ownerReferences.
struct ArmorProfileOwner {
  std::string kind;  // "" when there is none
  std::string name;
  std::string uid;
};

struct ArmorProfile {
  std::string name_space;
  std::string name;
  std::string uid;
  ArmorProfileOwner owner;
  // Has a deletionTimestamp.
  bool deleting = false;
  // kRetireAnnotation is "true": the policy is going.
  bool retiring = false;
  // kReconcileAnnotation, "" when there is none.
  std::string reconcile_counter;
  // ArmorProfileRevision of the object.
  std::string revision;
  ArmorProfileSpec spec;
};

// Reads an object from the API server. INVALID_ARGUMENT, with every problem, when it is not one
// that ArmorProfileSpecJson could have made: `spec.profile.name` is not `metadata.name`; artifacts
// are missing (vArmor's own managers write none), damaged, of other enforcers or under another
// name; a text beside them (`content` or `appArmor`, `seccompContent` or `seccomp`) says something
// else.
absl::StatusOr<ArmorProfile> ParseArmorProfile(const Json& object);

// What of an ArmorProfile takes effect, in short: SHA-256 in lower-case hexadecimal over the
// compact JSON, keys sorted, of {"behaviorModeling": ..., "profile": ...}, both as they are in
// `spec`, null when absent. `spec` is the object's.
std::string ArmorProfileRevision(const Json& spec);

// "NAMESPACE/NAME": how reports call an ArmorProfile.
std::string ArmorProfileKey(absl::string_view name_space, absl::string_view name);

// For enforcers and the simulator. `artifacts` has to stay while the set is used.
ArtifactSet ArtifactsOf(const ArmorProfileArtifacts& artifacts);

}  // namespace varmor

#endif  // RUNTIME_PROTOCOL_ARMOR_PROFILE_H_
