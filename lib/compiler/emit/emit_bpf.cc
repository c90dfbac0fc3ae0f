#include "lib/compiler/emit/emit_bpf.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/artifact/bpf_map_abi.h"
#include "lib/compiler/artifact/bpf_map_shapes.h"

namespace varmor {
namespace {

// Disks that a node may have.
constexpr uint32_t kDiskDevicesMax = 1024;

// The structures are written as they lie in memory.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the image is little-endian");

template <typename Value>
std::string BytesOf(const Value& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// A page is its bytes.
std::string BytesOf(std::string&& page) { return std::move(page); }

BpfMap& AddMap(absl::string_view name, size_t max_entries, BpfArtifact& artifact) {
  const BpfMapShape& shape = *FindBpfMapShape(name);
  BpfMap& map = *artifact.add_maps();
  map.set_name(std::string(name));
  map.set_kind(shape.kind);
  map.set_key_size(shape.key_size);
  map.set_value_size(shape.value_size);
  map.set_flags(shape.flags);
  map.set_max_entries(static_cast<uint32_t>(max_entries));
  return map;
}

void AddEntry(std::string key, std::string value, BpfMap& map) {
  BpfMapEntry& entry = *map.add_entries();
  entry.set_key(std::move(key));
  entry.set_value(std::move(value));
}

void SortEntries(BpfMap& map) {
  std::sort(map.mutable_entries()->begin(), map.mutable_entries()->end(),
            [](const BpfMapEntry& a, const BpfMapEntry& b) { return a.key() < b.key(); });
}

template <typename Value>
void AddArray(absl::string_view name, std::vector<Value> values, BpfArtifact& artifact) {
  BpfMap& map = AddMap(name, values.size(), artifact);
  map.mutable_entries()->Reserve(static_cast<int>(values.size()));
  for (size_t i = 0; i < values.size(); ++i) {
    std::string bytes = BytesOf(std::move(values[i]));
    if (bytes.find_first_not_of('\0') == std::string::npos) continue;
    AddEntry(BytesOf(static_cast<uint32_t>(i)), std::move(bytes), map);
  }
  SortEntries(map);
}

// Index 0 is unused in tables of records: nothing to list when there is nothing else.
template <typename Value>
void AddRecords(absl::string_view name, const std::vector<Value>& values, BpfArtifact& artifact) {
  if (values.size() > 1) AddArray(name, values, artifact);
}

void AddAddresses(const BpfProfile& profile, BpfArtifact& artifact) {
  if (profile.addresses.empty()) return;
  BpfMap& map = AddMap("addresses", profile.addresses.size(), artifact);
  for (const auto& [prefix, set] : profile.addresses) {
    varmor_address_key key{};
    key.prefixlen = static_cast<uint32_t>(prefix.bits);
    std::copy(prefix.address.begin(), prefix.address.end(), key.address);
    AddEntry(BytesOf(key), BytesOf(set), map);
  }
  SortEntries(map);
}

void AddPorts(const BpfProfile& profile, BpfArtifact& artifact) {
  if (profile.ports.empty()) return;
  BpfMap& map = AddMap("ports", profile.ports.size(), artifact);
  for (const BpfProfile::PortEntry& entry : profile.ports) {
    varmor_port_key key{};
    key.prefixlen = static_cast<uint32_t>(32 + entry.bits);
    for (int i = 0; i < 4; ++i) key.set[i] = static_cast<uint8_t>(entry.set >> (24 - 8 * i));
    key.port[0] = static_cast<uint8_t>(entry.port >> 8);
    key.port[1] = static_cast<uint8_t>(entry.port);
    AddEntry(BytesOf(key), BytesOf(entry.verdict), map);
  }
  SortEntries(map);
}

}  // namespace

BpfArtifact EmitBpf(BpfProfile profile) {
  BpfArtifact artifact;
  artifact.set_name(profile.name);
  artifact.set_abi(VARMOR_BPF_ABI);
  artifact.set_complain(profile.complain);

  AddArray("profile", std::vector<varmor_profile>{profile.header}, artifact);
  if (!profile.pages.empty()) AddArray("pages", std::move(profile.pages), artifact);
  AddRecords("accepts", profile.accepts, artifact);
  AddRecords("mount_accepts", profile.mount_accepts, artifact);
  if (!profile.mount_rules.empty())
    AddArray("mount_rules", std::move(profile.mount_rules), artifact);
  if (!profile.sockets.empty()) AddArray("sockets", profile.sockets, artifact);
  AddRecords("socket_verdicts", profile.socket_verdicts, artifact);
  AddAddresses(profile, artifact);
  AddPorts(profile, artifact);
  if (profile.needs_disk_devices) {
    AddMap("disk_devices", kDiskDevicesMax, artifact);
    artifact.add_holes(DISK_DEVICE_MAP);
  }
  if (profile.cluster_addresses_missing) artifact.add_holes(CLUSTER_ADDRESSES);
  for (RuleOrigin& rule : profile.rules) *artifact.add_rules() = std::move(rule);
  for (BpfTableSummary& table : profile.tables) *artifact.add_tables() = std::move(table);
  for (EgressWatch& watch : profile.egress_watches) {
    *artifact.add_egress_watches() = std::move(watch);
  }
  artifact.set_digest(BpfDigest(artifact));
  return artifact;
}

}  // namespace varmor
