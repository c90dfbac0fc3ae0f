#include "lib/compiler/simulate/bpf_image.h"

#include <algorithm>
#include <cstring>

#include "lib/compiler/artifact/check_bpf_image.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

const BpfMap* FindMap(const BpfArtifact& artifact, absl::string_view name) {
  for (const BpfMap& map : artifact.maps()) {
    if (map.name() == name) return &map;
  }
  return nullptr;
}

// Copies an array map; a map that is left out is empty. Sizes are those that CheckBpfImage saw.
template <typename Value>
std::vector<Value> ReadArray(const BpfArtifact& artifact, absl::string_view name) {
  std::vector<Value> values;
  const BpfMap* map = FindMap(artifact, name);
  if (map == nullptr) return values;
  values.resize(map->max_entries());
  for (const BpfMapEntry& entry : map->entries()) {
    uint32_t index = 0;
    std::memcpy(&index, entry.key().data(), sizeof(index));
    std::memcpy(&values[index], entry.value().data(), sizeof(Value));
  }
  return values;
}

void ReadAddresses(const BpfMap& map, BpfImage& image) {
  for (const BpfMapEntry& entry : map.entries()) {
    varmor_address_key key;
    uint32_t set = 0;
    std::memcpy(&key, entry.key().data(), sizeof(key));
    std::memcpy(&set, entry.value().data(), sizeof(set));
    std::array<uint8_t, 16> address;
    std::memcpy(address.data(), key.address, sizeof(key.address));
    image.addresses[static_cast<int>(key.prefixlen)][address] = set;
  }
}

void ReadPorts(const BpfMap& map, BpfImage& image) {
  for (const BpfMapEntry& entry : map.entries()) {
    varmor_port_key key;
    BpfPortRange range;
    std::memcpy(&key, entry.key().data(), sizeof(key));
    std::memcpy(&range.verdict, entry.value().data(), sizeof(range.verdict));
    uint32_t set = 0;
    for (const uint8_t byte : key.set) set = set << 8 | byte;
    range.first = static_cast<uint16_t>(key.port[0] << 8 | key.port[1]);
    range.last = static_cast<uint16_t>(range.first | 0xFFFFu >> (key.prefixlen - 32));
    image.ports[set].push_back(range);
  }
  for (auto& [set, ranges] : image.ports) {
    std::sort(ranges.begin(), ranges.end(), [](const BpfPortRange& a, const BpfPortRange& b) {
      return a.first != b.first ? a.first < b.first : a.last > b.last;
    });
  }
}

}  // namespace

absl::StatusOr<BpfImage> ReadBpfImage(const BpfArtifact& artifact) {
  VARMOR_RETURN_IF_ERROR(CheckBpfImage(artifact));
  BpfImage image;
  image.profile = ReadArray<varmor_profile>(artifact, "profile")[0];
  image.pages = ReadArray<PathPage>(artifact, "pages");
  image.accepts = ReadArray<varmor_decision>(artifact, "accepts");
  image.mount_accepts = ReadArray<varmor_mount_accept>(artifact, "mount_accepts");
  image.mount_rules = ReadArray<varmor_mount_rule>(artifact, "mount_rules");
  image.sockets = ReadArray<varmor_socket_domain>(artifact, "sockets");
  image.socket_verdicts = ReadArray<varmor_verdict>(artifact, "socket_verdicts");
  if (const BpfMap* map = FindMap(artifact, "addresses"); map != nullptr) {
    ReadAddresses(*map, image);
  }
  if (const BpfMap* map = FindMap(artifact, "ports"); map != nullptr) ReadPorts(*map, image);
  return image;
}

std::array<uint8_t, 16> MaskAddress(const std::array<uint8_t, 16>& address, int bits) {
  std::array<uint8_t, 16> masked = address;
  for (int bit = bits; bit < 128; ++bit) {
    masked[bit / 8] = static_cast<uint8_t>(masked[bit / 8] & ~(0x80 >> (bit % 8)));
  }
  return masked;
}

bool FindAddressSet(const BpfImage& image, const std::array<uint8_t, 16>& address, uint32_t& set) {
  for (auto it = image.addresses.rbegin(); it != image.addresses.rend(); ++it) {
    const auto found = it->second.find(MaskAddress(address, it->first));
    if (found == it->second.end()) continue;
    set = found->second;
    return true;
  }
  return false;
}

const varmor_verdict* FindPortVerdict(const BpfImage& image, uint32_t set, uint16_t port) {
  const auto ranges = image.ports.find(set);
  if (ranges == image.ports.end()) return nullptr;
  // Those of one set do not overlap (bpf_map_abi.h); should they, the longest prefix wins.
  const BpfPortRange* best = nullptr;
  for (const BpfPortRange& range : ranges->second) {
    if (range.first > port) break;
    if (port <= range.last && (best == nullptr || range.first >= best->first)) best = &range;
  }
  return best == nullptr ? nullptr : &best->verdict;
}

}  // namespace varmor
