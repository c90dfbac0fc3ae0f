#include "lib/compiler/bind/bind_bpf.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/artifact/bpf_map_abi.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {
namespace {

std::string DeviceKey(const DiskDevice& device) {
  const varmor_device_key key{device.major(), device.minor()};
  return {reinterpret_cast<const char*>(&key), sizeof(key)};
}

}  // namespace

absl::StatusOr<BpfArtifact> BindBpf(const BpfArtifact& artifact, const NodeFacts& facts) {
  BpfArtifact bound = artifact;
  const auto hole = std::find(bound.holes().begin(), bound.holes().end(), DISK_DEVICE_MAP);
  if (hole == bound.holes().end()) return bound;
  bound.mutable_holes()->erase(hole);

  std::set<std::string> keys;
  for (const DiskDevice& device : facts.disk_devices()) keys.insert(DeviceKey(device));
  bool filled = false;
  for (BpfMap& map : *bound.mutable_maps()) {
    if (map.name() != "disk_devices") continue;
    filled = true;
    if (keys.size() > map.max_entries()) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the node has ", keys.size(), " disks; a profile holds ", map.max_entries()));
    }
    map.clear_entries();
    for (const std::string& key : keys) {
      BpfMapEntry& entry = *map.add_entries();
      entry.set_key(key);
      entry.set_value(std::string("\x01\0\0\0", 4));
    }
  }
  if (!filled) {
    return absl::InvalidArgumentError(
        absl::StrCat("BPF artifact ", Quoted(bound.name()), ": there is no map for the disks"));
  }
  bound.set_digest(BpfDigest(bound));
  return bound;
}

}  // namespace varmor
