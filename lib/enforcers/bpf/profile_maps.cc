#include "lib/enforcers/bpf/profile_maps.h"

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "bpf/bpf.h"
#include "lib/compiler/artifact/bpf_map_shapes.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_reads.h"

namespace varmor {
namespace {

constexpr const char* kHits = "slot_hits";

// Entries that one call writes, at most: a few MiB.
constexpr size_t kBatchBytes = 4 << 20;

uint32_t KernelType(BpfMap::Kind kind) {
  if (kind == BpfMap::HASH) return BPF_MAP_TYPE_HASH;
  return kind == BpfMap::LPM_TRIE ? BPF_MAP_TYPE_LPM_TRIE : BPF_MAP_TYPE_ARRAY;
}

absl::StatusOr<UniqueFd> CreateInner(BpfCalls& calls, const BpfMap& map) {
  uint32_t flags = map.flags();
  if (map.kind() == BpfMap::ARRAY && map.name() != "profile") flags |= BPF_F_INNER_MAP;
  UniqueFd fd(calls.CreateMap({KernelType(map.kind()), absl::StrCat("v_", map.name()),
                               map.key_size(), map.value_size(), map.max_entries(), flags}));
  if (!fd.ok()) return BpfCallFailed(absl::StrCat("create map ", map.name()), errno);
  return fd;
}

// Whether the kernel does not know batches for this kind of map; then nothing was written.
bool NoBatches(int error) { return error == EOPNOTSUPP || error == 524 /* ENOTSUPP */; }

absl::Status FillOneByOne(BpfCalls& calls, int fd, const BpfMap& map, size_t first) {
  for (size_t i = first; i < static_cast<size_t>(map.entries_size()); ++i) {
    const BpfMapEntry& entry = map.entries(static_cast<int>(i));
    if (calls.Update(fd, entry.key().data(), entry.value().data()) != 0) {
      return BpfCallFailed(absl::StrCat("write map ", map.name()), errno);
    }
  }
  return absl::OkStatus();
}

absl::Status FillInner(BpfCalls& calls, int fd, const BpfMap& map) {
  const auto count = static_cast<size_t>(map.entries_size());
  const size_t at_once = std::max<size_t>(1, kBatchBytes / (map.key_size() + map.value_size()));
  for (size_t first = 0; first < count; first += at_once) {
    const size_t end = std::min(count, first + at_once);
    if (end - first == 1) return FillOneByOne(calls, fd, map, first);
    std::string keys, values;
    for (size_t i = first; i < end; ++i) {
      keys += map.entries(static_cast<int>(i)).key();
      values += map.entries(static_cast<int>(i)).value();
    }
    auto written = static_cast<uint32_t>(end - first);
    if (calls.UpdateBatch(fd, keys.data(), values.data(), &written) == 0) continue;
    if (NoBatches(errno)) return FillOneByOne(calls, fd, map, first);
    return BpfCallFailed(absl::StrCat("write map ", map.name()), errno);
  }
  return absl::OkStatus();
}

absl::Status CompareInner(int fd, const BpfMap& map) {
  std::string value(map.value_size(), '\0');
  for (const BpfMapEntry& entry : map.entries()) {
    if (bpf_map_lookup_elem(fd, entry.key().data(), value.data()) != 0) {
      return ReadFailed(absl::StrCat("map ", map.name(), " back"), errno);
    }
    if (value != entry.value()) {
      return absl::DataLossError(
          absl::StrCat("map ", map.name(), " holds other bytes than were written"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> BuildInner(BpfCalls& calls, const BpfMap& map) {
  VARMOR_ASSIGN_OR_RETURN(UniqueFd fd, CreateInner(calls, map));
  VARMOR_RETURN_IF_ERROR(FillInner(calls, fd.get(), map));
  VARMOR_RETURN_IF_ERROR(CompareInner(fd.get(), map));
  if (calls.Freeze(fd.get()) != 0) {
    return BpfCallFailed(absl::StrCat("freeze map ", map.name()), errno);
  }
  return fd;
}

absl::StatusOr<UniqueFd> BuildHits(BpfCalls& calls, const BpfArtifact& artifact) {
  const auto rules = static_cast<uint32_t>(std::max(1, artifact.rules_size()));
  UniqueFd fd(calls.CreateMap(
      {BPF_MAP_TYPE_ARRAY, "v_hits", sizeof(uint32_t), sizeof(uint64_t), rules, BPF_F_INNER_MAP}));
  if (!fd.ok()) return BpfCallFailed("create map hits", errno);
  return fd;
}

}  // namespace

absl::StatusOr<ProfileMaps> BuildProfileMaps(BpfCalls& calls, const BpfArtifact& artifact) {
  ProfileMaps maps;
  for (const BpfMap& map : artifact.maps()) {
    VARMOR_ASSIGN_OR_RETURN(UniqueFd fd, BuildInner(calls, map));
    maps.emplace(absl::StrCat("slot_", map.name()), std::move(fd));
  }
  VARMOR_ASSIGN_OR_RETURN(UniqueFd hits, BuildHits(calls, artifact));
  maps.emplace(kHits, std::move(hits));
  return maps;
}

std::vector<SlotMaps::Step> SlotMaps::Fill(uint32_t slot, const ProfileMaps& maps) const {
  std::vector<Step> steps;
  for (const auto& [name, map] : maps) {
    steps.push_back([this, slot, name = name, inner = map.get()] {
      const auto value = static_cast<uint32_t>(inner);
      return calls_.Update(outer_.at(name), &slot, &value) == 0
                 ? absl::OkStatus()
                 : BpfCallFailed(absl::StrCat("put a map into ", name), errno);
    });
  }
  return steps;
}

SlotMaps::Step SlotMaps::Retire(uint32_t slot) const {
  return [this, slot] {
    if (calls_.Delete(outer_.at(kHits), &slot) == 0) return absl::OkStatus();
    return BpfCallFailed(absl::StrCat("take a map out of ", kHits), errno);
  };
}

std::vector<SlotMaps::Step> SlotMaps::Clear(uint32_t slot) const {
  std::vector<Step> steps;
  for (const auto& [name, outer] : outer_) {
    uint32_t id = 0;
    if (bpf_map_lookup_elem(outer, &slot, &id) != 0 && errno == ENOENT) continue;
    steps.push_back([this, slot, name = name, outer = outer] {
      if (calls_.Delete(outer, &slot) == 0 || errno == ENOENT) return absl::OkStatus();
      return BpfCallFailed(absl::StrCat("take a map out of ", name), errno);
    });
  }
  return steps;
}

absl::StatusOr<UniqueFd> SlotMaps::Find(const std::string& name, uint32_t slot) const {
  uint32_t id = 0;
  if (bpf_map_lookup_elem(outer_.at(name), &slot, &id) != 0) {
    return ReadFailed(absl::StrCat("slot ", slot, " of map ", name), errno);
  }
  return MapById(id);
}

absl::StatusOr<uint64_t> SlotMaps::Memory(uint32_t slot) const {
  uint64_t sum = 0;
  for (const auto& [name, outer] : outer_) {
    const absl::StatusOr<UniqueFd> map = Find(name, slot);
    if (absl::IsNotFound(map.status())) continue;
    if (!map.ok()) return map.status();
    VARMOR_ASSIGN_OR_RETURN(const uint64_t bytes, MapMemory(map->get()));
    sum += bytes;
  }
  return sum;
}

}  // namespace varmor
