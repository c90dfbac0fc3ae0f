// The maps of a BPF artifact as values. What they mean is in decide_bpf.h.
#ifndef LIB_COMPILER_SIMULATE_BPF_IMAGE_H_
#define LIB_COMPILER_SIMULATE_BPF_IMAGE_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/compiler/artifact/bpf_map_abi.h"
#include "lib/compiler/automaton/paginate.h"
#include "proto/artifact.pb.h"

namespace varmor {

// Ports of one set that share a verdict: a power of two of them, `first` a multiple of it.
struct BpfPortRange {
  uint16_t first = 0;
  uint16_t last = 0;
  varmor_verdict verdict{};
};

// All zero: no rules, everything is allowed.
struct BpfImage {
  varmor_profile profile{};
  std::vector<PathPage> pages;
  std::vector<varmor_decision> accepts;
  std::vector<varmor_mount_accept> mount_accepts;
  std::vector<varmor_mount_rule> mount_rules;
  // Empty, or one per family.
  std::vector<varmor_socket_domain> sockets;
  std::vector<varmor_verdict> socket_verdicts;
  // Prefix length to address to set.
  std::map<int, std::map<std::array<uint8_t, 16>, uint32_t>> addresses;
  // Set to ranges, sorted.
  std::map<uint32_t, std::vector<BpfPortRange>> ports;
};

// INVALID_ARGUMENT for what CheckBpfImage refuses.
absl::StatusOr<BpfImage> ReadBpfImage(const BpfArtifact& artifact);

// The set of the longest prefix that holds `address`; false when there is none.
bool FindAddressSet(const BpfImage& image, const std::array<uint8_t, 16>& address, uint32_t& set);

// What set `set` says about `port`; null: nothing.
const varmor_verdict* FindPortVerdict(const BpfImage& image, uint32_t set, uint16_t port);

// `address` with the bits from `bits` on cleared.
std::array<uint8_t, 16> MaskAddress(const std::array<uint8_t, 16>& address, int bits);

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_BPF_IMAGE_H_
