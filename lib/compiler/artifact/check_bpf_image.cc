#include "lib/compiler/artifact/check_bpf_image.h"

#include <cstdint>
#include <cstring>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/artifact/bpf_map_abi.h"
#include "lib/compiler/artifact/bpf_map_shapes.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

template <typename... Args>
absl::Status Bad(const Args&... args) {
  return absl::InvalidArgumentError(absl::StrCat("BPF artifact: ", args...));
}

template <typename Value>
Value Read(const std::string& bytes) {
  Value value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

const BpfMap* FindMap(const BpfArtifact& artifact, absl::string_view name) {
  for (const BpfMap& map : artifact.maps()) {
    if (map.name() == name) return &map;
  }
  return nullptr;
}

uint32_t RoomOf(const BpfArtifact& artifact, absl::string_view name) {
  const BpfMap* map = FindMap(artifact, name);
  return map == nullptr ? 0 : map->max_entries();
}

bool ZeroFrom(const uint8_t* bytes, int bits, int first) {
  for (int bit = first; bit < bits; ++bit) {
    if ((bytes[bit / 8] & (0x80 >> (bit % 8))) != 0) return false;
  }
  return true;
}

bool KeyIsCanonical(const BpfMap& map, const std::string& key) {
  switch (map.kind()) {
    case BpfMap::ARRAY:
      return Read<uint32_t>(key) < map.max_entries();
    case BpfMap::LPM_TRIE: {
      if (map.name() == "addresses") {
        const auto address = Read<varmor_address_key>(key);
        return address.prefixlen <= 128 &&
               ZeroFrom(address.address, 128, static_cast<int>(address.prefixlen));
      }
      const auto port = Read<varmor_port_key>(key);
      return port.prefixlen >= 32 && port.prefixlen <= 48 && port.pad[0] == 0 && port.pad[1] == 0 &&
             ZeroFrom(port.port, 16, static_cast<int>(port.prefixlen) - 32);
    }
    default:
      return true;
  }
}

absl::Status CheckEntries(const BpfMap& map) {
  if (static_cast<uint32_t>(map.entries_size()) > map.max_entries()) {
    return Bad("map ", map.name(), " has ", map.entries_size(), " entries and room for ",
               map.max_entries());
  }
  const std::string* before = nullptr;
  for (const BpfMapEntry& entry : map.entries()) {
    if (entry.key().size() != map.key_size() || entry.value().size() != map.value_size()) {
      return Bad("map ", map.name(), " has an entry of ", entry.key().size(), " and ",
                 entry.value().size(), " bytes; want ", map.key_size(), " and ", map.value_size());
    }
    if (before != nullptr && *before >= entry.key()) {
      return Bad("map ", map.name(), " is not sorted, or has a key twice");
    }
    before = &entry.key();
    if (!KeyIsCanonical(map, entry.key())) {
      return Bad("map ", map.name(), " has a key that is out of range");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckShape(const BpfMap& map) {
  const BpfMapShape* shape = FindBpfMapShape(map.name());
  if (shape == nullptr) return Bad("unknown map \"", map.name(), "\"");
  if (map.kind() != shape->kind || map.key_size() != shape->key_size ||
      map.value_size() != shape->value_size || map.flags() != shape->flags) {
    return Bad("map ", map.name(), " has another kind, size or flag than this version reads");
  }
  if (map.max_entries() == 0 || map.max_entries() > shape->most_entries) {
    return Bad("map ", map.name(), " has room for ", map.max_entries(), " entries; 1 to ",
               shape->most_entries, " are possible");
  }
  return absl::OkStatus();
}

absl::Status CheckTables(const varmor_path_table* tables, uint32_t count, uint32_t pages) {
  if (count > VARMOR_PATH_TABLES_MAX) return Bad("a header counts ", count, " path tables");
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t end = uint64_t{tables[i].first_page} + tables[i].pages;
    const uint32_t start = tables[i].start >> VARMOR_PATH_PAGE_SHIFT;
    if (tables[i].pages == 0 || end > pages || start < tables[i].first_page || start >= end) {
      return Bad("a path table lies outside of map pages");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckHeader(const BpfArtifact& artifact) {
  const BpfMap* map = FindMap(artifact, "profile");
  if (map == nullptr || map->entries_size() != 1) return Bad("map profile is missing");
  const auto header = Read<varmor_profile>(map->entries(0).value());
  if (header.abi != artifact.abi()) return Bad("the header has ABI ", header.abi);
  if (((header.flags & VARMOR_PROFILE_COMPLAIN) != 0) != artifact.complain()) {
    return Bad("the header has another mode than the artifact");
  }
  if (header.rule_count != static_cast<uint32_t>(artifact.rules_size())) {
    return Bad("the header counts ", header.rule_count, " rules, the artifact lists ",
               artifact.rules_size());
  }
  const uint32_t pages = RoomOf(artifact, "pages");
  VARMOR_RETURN_IF_ERROR(CheckTables(header.file, header.file_tables, pages));
  VARMOR_RETURN_IF_ERROR(CheckTables(header.exec, header.exec_tables, pages));
  return CheckTables(header.mount, header.mount_tables, pages);
}

// References from one map into another.
absl::Status CheckReferences(const BpfArtifact& artifact) {
  const uint32_t mount_rules = RoomOf(artifact, "mount_rules");
  if (const BpfMap* map = FindMap(artifact, "mount_accepts"); map != nullptr) {
    for (const BpfMapEntry& entry : map->entries()) {
      const auto accept = Read<varmor_mount_accept>(entry.value());
      if (accept.count > VARMOR_MOUNT_RANGE_MAX ||
          uint64_t{accept.first} + accept.count > mount_rules) {
        return Bad("map mount_accepts points outside of map mount_rules");
      }
    }
  }
  const uint32_t verdicts = RoomOf(artifact, "socket_verdicts");
  if (const BpfMap* map = FindMap(artifact, "sockets"); map != nullptr) {
    if (map->max_entries() != VARMOR_SOCKET_DOMAINS) return Bad("map sockets misses families");
    for (const BpfMapEntry& entry : map->entries()) {
      const auto domain = Read<varmor_socket_domain>(entry.value());
      for (const auto& type : domain.verdict) {
        for (const uint16_t id : type) {
          if (id != 0 && id >= verdicts) {
            return Bad("map sockets points outside of map socket_verdicts");
          }
        }
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckBpfImage(const BpfArtifact& artifact) {
  if (artifact.abi() != VARMOR_BPF_ABI) {
    return Bad("it has ABI ", artifact.abi(), ", this version reads ", VARMOR_BPF_ABI,
               ": compile the policy again");
  }
  std::set<std::string> names;
  for (const BpfMap& map : artifact.maps()) {
    VARMOR_RETURN_IF_ERROR(CheckShape(map));
    if (!names.insert(map.name()).second) return Bad("map ", map.name(), " is there twice");
    VARMOR_RETURN_IF_ERROR(CheckEntries(map));
  }
  VARMOR_RETURN_IF_ERROR(CheckHeader(artifact));
  VARMOR_RETURN_IF_ERROR(CheckReferences(artifact));
  if (artifact.digest() != BpfDigest(artifact)) {
    return Bad("the digest does not fit the content");
  }
  return absl::OkStatus();
}

}  // namespace varmor
