// One BPF profile, merged and complete: emit_bpf copies it into maps.
#ifndef LIB_COMPILER_IR_BPF_PROFILE_H_
#define LIB_COMPILER_IR_BPF_PROFILE_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/compiler/artifact/bpf_map_abi.h"
#include "lib/compiler/ir/bpf_rules.h"
#include "proto/artifact.pb.h"

namespace varmor {

struct BpfProfile {
  std::string name;
  bool complain = false;
  varmor_profile header{};
  // The bytes of one varmor_path_page each.
  std::vector<std::string> pages;
  // Index 0 is unused in all four.
  std::vector<varmor_decision> accepts;
  std::vector<varmor_mount_accept> mount_accepts;
  std::vector<varmor_verdict> socket_verdicts;
  std::vector<varmor_mount_rule> mount_rules;
  // By address family; empty when no rule is about sockets.
  std::vector<varmor_socket_domain> sockets;
  // Set numbers start at 1.
  std::vector<std::pair<BpfPrefix, uint32_t>> addresses;
  struct PortEntry {
    uint32_t set = 0;
    uint16_t port = 0;
    // 0 to 16.
    int bits = 0;
    varmor_verdict verdict{};
  };
  // Sorted by set and port.
  std::vector<PortEntry> ports;
  // A rule is about the node's disks, which bind has to fill in.
  bool needs_disk_devices = false;
  bool cluster_addresses_missing = false;
  // By rule number.
  std::vector<RuleOrigin> rules;
  std::vector<BpfTableSummary> tables;
  std::vector<EgressWatch> egress_watches;
};

}  // namespace varmor

#endif  // LIB_COMPILER_IR_BPF_PROFILE_H_
