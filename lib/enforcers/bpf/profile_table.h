// Which profiles are in force, in which slots; puts others in their place.
//
// A slot is in use when map "slots" names it. Its record is pinned before its first map is put into
// place and unpinned after its last one is gone, so a record of a slot that is not in use tells of
// work that was interrupted.
#ifndef LIB_ENFORCERS_BPF_PROFILE_TABLE_H_
#define LIB_ENFORCERS_BPF_PROFILE_TABLE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/enforcers/bpf/bpf_calls.h"
#include "lib/enforcers/bpf/profile_maps.h"
#include "proto/artifact.pb.h"

namespace varmor {

class ProfileTable {
 public:
  struct Entry {
    uint32_t number = 0;
    uint32_t slot = 0;
    // Of the pinned record, which no other profile ever has.
    uint32_t record_id = 0;
    // The artifact without maps.
    BpfArtifact record;
  };

  // `records`: the directory of the pinned records. `slots` is a map of `slot_count` words.
  ProfileTable(BpfCalls& calls, std::string records, int slots, uint32_t slot_count, SlotMaps maps)
      : calls_(calls),
        records_(std::move(records)),
        slots_(slots),
        slot_count_(slot_count),
        maps_(std::move(maps)) {}

  // Looks at the kernel's state. What is odd there is added to `warnings`.
  absl::Status Refresh(std::vector<std::string>& warnings);
  // Frees slots that are not in use; after Refresh.
  absl::Status Sweep();

  const std::map<std::string, Entry>& entries() const { return entries_; }
  // Null when there is none.
  const Entry* Find(absl::string_view name) const;

  // Puts checked and bound artifacts in force; parallel results. After Refresh. Slots that are not
  // needed any more are added to `unused`, for Release.
  std::vector<absl::Status> Apply(absl::Span<const BpfArtifact* const> artifacts,
                                  std::vector<uint32_t>& unused);
  // Gives slots up: waits until they are not used, empties them, unpins their records. Two grace
  // periods of the kernel. What an error leaves is swept the next time.
  absl::Status Release(const std::vector<uint32_t>& slots);

  // Takes a profile out that nobody uses. After Refresh.
  absl::Status Remove(absl::string_view name);

  const SlotMaps& maps() const { return maps_; }
  std::string RecordPath(uint32_t slot) const;
  // They lie in another directory now.
  void SetRecords(std::string records) { records_ = std::move(records); }

 private:
  struct Plan;

  absl::Status Prepare(const BpfArtifact& artifact, Plan& plan);
  absl::StatusOr<uint32_t> FreeSlot();
  absl::StatusOr<uint32_t> FreeNumber();
  BpfCalls& calls_;
  std::string records_;
  const int slots_;
  const uint32_t slot_count_;
  SlotMaps maps_;

  std::map<std::string, Entry> entries_;
  // Slots and numbers in use, records or not.
  std::set<uint32_t> used_slots_;
  std::set<uint32_t> used_numbers_;
  // Where the search for a free slot begins: slots are used again as late as possible, so that
  // events that are still in the ring are not taken for another profile's.
  uint32_t next_slot_ = 1;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_PROFILE_TABLE_H_
