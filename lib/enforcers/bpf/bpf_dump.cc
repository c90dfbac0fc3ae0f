#include "lib/enforcers/bpf/bpf_dump.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bpf/bpf.h"
#include "lib/compiler/artifact/bpf_map_shapes.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_enforcer_parts.h"
#include "lib/enforcers/bpf/bpf_reads.h"

namespace varmor {
namespace {

bool IsZero(const std::string& bytes) { return bytes.find_first_not_of('\0') == std::string::npos; }

absl::Status ReadEntries(int fd, BpfMap& map) {
  std::string key(map.key_size(), '\0');
  std::string value(map.value_size(), '\0');
  const void* before = nullptr;
  std::string last;
  while (bpf_map_get_next_key(fd, before, key.data()) == 0) {
    last = key;
    before = last.data();
    if (bpf_map_lookup_elem(fd, key.data(), value.data()) != 0) {
      if (errno == ENOENT) continue;
      return ReadFailed(absl::StrCat("map ", map.name()), errno);
    }
    if (map.kind() == BpfMap::ARRAY && IsZero(value)) continue;
    BpfMapEntry& entry = *map.add_entries();
    entry.set_key(key);
    entry.set_value(value);
  }
  if (errno != ENOENT) return ReadFailed(absl::StrCat("map ", map.name()), errno);
  std::sort(map.mutable_entries()->begin(), map.mutable_entries()->end(),
            [](const BpfMapEntry& a, const BpfMapEntry& b) { return a.key() < b.key(); });
  return absl::OkStatus();
}

absl::Status ReadMap(int fd, const BpfMapShape& shape, BpfMap& map) {
  VARMOR_ASSIGN_OR_RETURN(const BpfMapParameters found, MapParametersOf(fd));
  map.set_name(std::string(shape.name));
  map.set_kind(shape.kind);
  map.set_key_size(found.key_size);
  map.set_value_size(found.value_size);
  map.set_max_entries(found.max_entries);
  map.set_flags(shape.flags);
  return ReadEntries(fd, map);
}

}  // namespace

absl::StatusOr<BpfArtifact> DumpBpfProfile(BpfEnforcer& enforcer, absl::string_view profile) {
  BpfEnforcer::Parts& parts = enforcer.parts();
  VARMOR_ASSIGN_OR_RETURN(const PinLock lock, parts.Begin());
  const ProfileTable::Entry* entry = parts.profiles->Find(profile);
  if (entry == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no BPF profile ", Quoted(profile)));
  }
  BpfArtifact artifact = entry->record;
  artifact.clear_maps();
  for (const BpfMapShape& shape : BpfMapShapes()) {
    const absl::StatusOr<UniqueFd> map =
        parts.profiles->maps().Find(absl::StrCat("slot_", shape.name), entry->slot);
    if (absl::IsNotFound(map.status())) continue;
    if (!map.ok()) return map.status();
    VARMOR_RETURN_IF_ERROR(ReadMap(map->get(), shape, *artifact.add_maps()));
  }
  return artifact;
}

}  // namespace varmor
