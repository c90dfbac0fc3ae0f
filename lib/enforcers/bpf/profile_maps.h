// The maps of one profile in the kernel: made from an artifact, checked, and put into a slot.
#ifndef LIB_ENFORCERS_BPF_PROFILE_MAPS_H_
#define LIB_ENFORCERS_BPF_PROFILE_MAPS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/enforcers/bpf/bpf_calls.h"
#include "lib/enforcers/unique_fd.h"
#include "proto/artifact.pb.h"

namespace varmor {

// By the name of the outer map, "slot_profile": the profile's own map.
using ProfileMaps = std::map<std::string, UniqueFd>;

// Creates and fills the maps of an artifact that passed CheckBpfImage, reads them back, compares,
// and freezes them; and the counters of its rules, which stay writable. Nobody uses them yet: when
// the result goes away, so do they.
absl::StatusOr<ProfileMaps> BuildProfileMaps(BpfCalls& calls, const BpfArtifact& artifact);

// Slots of the outer maps, which stay the caller's.
class SlotMaps {
 public:
  // `outer`: the slot maps by name.
  SlotMaps(BpfCalls& calls, std::map<std::string, int> outer)
      : calls_(calls), outer_(std::move(outer)) {}

  using Step = std::function<absl::Status()>;

  // The calls that put `maps` into a slot which no profile has. Each waits for the kernel and may
  // run beside the others.
  std::vector<Step> Fill(uint32_t slot, const ProfileMaps& maps) const;

  // The call to make first when a slot is given up, which waits until no program uses the slot any
  // more; the programs do without that entry.
  Step Retire(uint32_t slot) const;
  // The calls that empty a slot, each as those of Fill. What is empty is passed over.
  std::vector<Step> Clear(uint32_t slot) const;

  // The map in a slot, of outer map `name`; NOT_FOUND when there is none.
  absl::StatusOr<UniqueFd> Find(const std::string& name, uint32_t slot) const;
  // Bytes of all maps in a slot.
  absl::StatusOr<uint64_t> Memory(uint32_t slot) const;

 private:
  BpfCalls& calls_;
  std::map<std::string, int> outer_;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_PROFILE_MAPS_H_
