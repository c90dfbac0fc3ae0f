#include "lib/enforcers/bpf/profile_table.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_reads.h"
#include "lib/enforcers/bpf/parallel.h"
#include "lib/enforcers/bpf/pins.h"
#include "lib/enforcers/bpf/profile_record.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

absl::Status FirstError(const std::vector<absl::Status>& results) {
  for (const absl::Status& result : results) {
    if (!result.ok()) return result;
  }
  return absl::OkStatus();
}

}  // namespace

// One profile on its way. `slot` 0: nothing to do, or it failed.
struct ProfileTable::Plan {
  uint32_t number = 0;
  uint32_t slot = 0;
  uint32_t old_slot = 0;
  ProfileMaps maps;
  UniqueFd record;
};

std::string ProfileTable::RecordPath(uint32_t slot) const {
  return absl::StrCat(records_, "/", slot);
}

absl::Status ProfileTable::Refresh(std::vector<std::string>& warnings) {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<uint32_t> slots, ReadWords(slots_, slot_count_));
  std::map<uint32_t, Entry> known;  // by record
  for (auto& [name, entry] : entries_) known[entry.record_id] = std::move(entry);
  entries_.clear();
  used_slots_.clear();
  used_numbers_.clear();
  for (uint32_t number = 1; number < slots.size(); ++number) {
    const uint32_t slot = slots[number];
    if (slot == 0) continue;
    used_slots_.insert(slot);
    used_numbers_.insert(number);
    next_slot_ = std::max(next_slot_, slot + 1);
    const absl::StatusOr<UniqueFd> pin = OpenPin(RecordPath(slot));
    uint32_t id = 0;
    absl::Status read = pin.status();
    if (read.ok()) read = MapParametersOf(pin->get(), &id).status();
    if (read.ok() && known.count(id) > 0) {
      Entry& entry = known[id];
      entry.number = number;
      entry.slot = slot;
      std::string name = entry.record.name();
      entries_[name] = std::move(entry);
      continue;
    }
    const absl::StatusOr<BpfArtifact> record =
        read.ok() ? ReadRecord(pin->get()) : absl::StatusOr<BpfArtifact>(read);
    // A profile that is overlooked would be made a second time.
    if (absl::IsResourceExhausted(record.status())) return record.status();
    if (!record.ok()) {
      warnings.push_back(
          absl::StrCat("profile number ", number, " has no record: ", record.status().message()));
      continue;
    }
    entries_[record->name()] = Entry{number, slot, id, *record};
  }
  return absl::OkStatus();
}

const ProfileTable::Entry* ProfileTable::Find(absl::string_view name) const {
  const auto found = entries_.find(std::string(name));
  return found == entries_.end() ? nullptr : &found->second;
}

absl::Status ProfileTable::Sweep() {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> records, ListDirectory(records_));
  std::vector<uint32_t> left;
  for (const std::string& name : records) {
    uint32_t slot = 0;
    if (!absl::SimpleAtoi(name, &slot) || slot >= slot_count_) {
      return absl::FailedPreconditionError(
          absl::StrCat(Quoted(absl::StrCat(records_, "/", name)), " is not ours: no such slot"));
    }
    if (used_slots_.count(slot) == 0) left.push_back(slot);
  }
  return Release(left);
}

absl::Status ProfileTable::Release(const std::vector<uint32_t>& slots) {
  std::vector<SlotMaps::Step> retire, clear;
  for (const uint32_t slot : slots) {
    const absl::Status hits = maps_.Find("slot_hits", slot).status();
    if (absl::IsNotFound(hits)) continue;
    VARMOR_RETURN_IF_ERROR(hits);
    retire.push_back(maps_.Retire(slot));
  }
  VARMOR_RETURN_IF_ERROR(FirstError(RunParallel(retire)));
  for (const uint32_t slot : slots) {
    std::vector<SlotMaps::Step> steps = maps_.Clear(slot);
    std::move(steps.begin(), steps.end(), std::back_inserter(clear));
  }
  VARMOR_RETURN_IF_ERROR(FirstError(RunParallel(clear)));
  for (const uint32_t slot : slots) {
    VARMOR_RETURN_IF_ERROR(Unpin(calls_, RecordPath(slot)));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> ProfileTable::FreeSlot() {
  for (uint32_t i = 0; i < slot_count_; ++i) {
    const uint32_t slot = (next_slot_ + i) % slot_count_;
    if (slot == 0 || !used_slots_.insert(slot).second) continue;
    next_slot_ = slot + 1;
    return slot;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("all ", slot_count_ - 1,
                   " slots are in use; remove a profile, or start with "
                   "more slots"));
}

absl::StatusOr<uint32_t> ProfileTable::FreeNumber() {
  for (uint32_t number = 1; number < slot_count_; ++number) {
    if (used_numbers_.insert(number).second) return number;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("all ", slot_count_ - 1,
                   " profile numbers are in use; remove a profile, or start with more slots"));
}

absl::Status ProfileTable::Prepare(const BpfArtifact& artifact, Plan& plan) {
  const BpfArtifact record = RecordOf(artifact);
  const Entry* before = Find(artifact.name());
  if (before != nullptr) {
    if (before->record.SerializeAsString() == record.SerializeAsString()) return absl::OkStatus();
    plan.number = before->number;
    plan.old_slot = before->slot;
  }
  VARMOR_ASSIGN_OR_RETURN(plan.maps, BuildProfileMaps(calls_, artifact));
  VARMOR_ASSIGN_OR_RETURN(plan.record, WriteRecord(calls_, record));
  if (before == nullptr) {
    VARMOR_ASSIGN_OR_RETURN(plan.number, FreeNumber());
  }
  VARMOR_ASSIGN_OR_RETURN(const uint32_t slot, FreeSlot());
  VARMOR_RETURN_IF_ERROR(PinAt(calls_, plan.record.get(), RecordPath(slot)));
  plan.slot = slot;
  return absl::OkStatus();
}

std::vector<absl::Status> ProfileTable::Apply(absl::Span<const BpfArtifact* const> artifacts,
                                              std::vector<uint32_t>& unused) {
  std::vector<absl::Status> results(artifacts.size());
  std::vector<Plan> plans(artifacts.size());
  std::vector<SlotMaps::Step> steps;
  std::vector<size_t> whose;
  for (size_t i = 0; i < artifacts.size(); ++i) {
    results[i] = Prepare(*artifacts[i], plans[i]);
    if (!results[i].ok() || plans[i].slot == 0) continue;
    for (SlotMaps::Step& step : maps_.Fill(plans[i].slot, plans[i].maps)) {
      steps.push_back(std::move(step));
      whose.push_back(i);
    }
  }
  const std::vector<absl::Status> filled = RunParallel(steps);
  for (size_t i = 0; i < filled.size(); ++i) results[whose[i]].Update(filled[i]);

  for (size_t i = 0; i < plans.size(); ++i) {
    const Plan& plan = plans[i];
    if (plan.slot == 0) continue;
    if (results[i].ok() && calls_.Update(slots_, &plan.number, &plan.slot) != 0) {
      results[i] = BpfCallFailed("switch to the new maps", errno);
    }
    const uint32_t given_up = results[i].ok() ? plan.old_slot : plan.slot;
    if (given_up != 0) unused.push_back(given_up);
  }
  return results;
}

absl::Status ProfileTable::Remove(absl::string_view name) {
  const Entry* entry = Find(name);
  if (entry == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no BPF profile ", Quoted(name)));
  }
  const uint32_t none = 0;
  if (calls_.Update(slots_, &entry->number, &none) != 0) {
    return BpfCallFailed(absl::StrCat("take out profile ", Quoted(name)), errno);
  }
  Release({entry->slot}).IgnoreError();
  return absl::OkStatus();
}

}  // namespace varmor
