#include "lib/compiler/artifact/bpf_map_shapes.h"

#include "lib/compiler/artifact/bpf_map_abi.h"

namespace varmor {
namespace {

constexpr uint32_t kIndex = sizeof(uint32_t);
// BPF_F_NO_PREALLOC, include/uapi/linux/bpf.h; LPM tries demand it.
constexpr uint32_t kNoPrealloc = 1;
constexpr uint32_t kManyEntries = uint32_t{1} << 20;

constexpr BpfMapShape kShapes[] = {
    {"profile", BpfMap::ARRAY, kIndex, sizeof(varmor_profile), 0, 1},
    {"pages", BpfMap::ARRAY, kIndex, sizeof(varmor_path_page), 0, VARMOR_PAGES_MAX},
    {"accepts", BpfMap::ARRAY, kIndex, sizeof(varmor_decision), 0, kManyEntries},
    {"mount_accepts", BpfMap::ARRAY, kIndex, sizeof(varmor_mount_accept), 0, kManyEntries},
    {"mount_rules", BpfMap::ARRAY, kIndex, sizeof(varmor_mount_rule), 0, kManyEntries},
    {"sockets", BpfMap::ARRAY, kIndex, sizeof(varmor_socket_domain), 0, VARMOR_SOCKET_DOMAINS},
    {"socket_verdicts", BpfMap::ARRAY, kIndex, sizeof(varmor_verdict), 0, 1 << 16},
    {"addresses", BpfMap::LPM_TRIE, sizeof(varmor_address_key), sizeof(uint32_t), kNoPrealloc,
     VARMOR_ADDRESSES_MAX},
    {"ports", BpfMap::LPM_TRIE, sizeof(varmor_port_key), sizeof(varmor_verdict), kNoPrealloc,
     VARMOR_PORTS_MAX},
    {"disk_devices", BpfMap::HASH, sizeof(varmor_device_key), sizeof(uint32_t), 0, 4096},
};

}  // namespace

absl::Span<const BpfMapShape> BpfMapShapes() { return kShapes; }

const BpfMapShape* FindBpfMapShape(absl::string_view name) {
  for (const BpfMapShape& shape : kShapes) {
    if (shape.name == name) return &shape;
  }
  return nullptr;
}

}  // namespace varmor
