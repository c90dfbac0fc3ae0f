// What the BPF programs would decide, from the bytes of an image: the same tables, the same code
// for paths, the same order of look-ups.
#ifndef LIB_COMPILER_SIMULATE_DECIDE_BPF_H_
#define LIB_COMPILER_SIMULATE_DECIDE_BPF_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/compiler/artifact/bpf_map_abi.h"
#include "lib/compiler/automaton/path_matcher.h"
#include "proto/artifact.pb.h"
#include "proto/event.pb.h"

namespace varmor {

struct BpfVerdict {
  // The call fails. Always false in complain mode; `would_deny` is not.
  bool deny = false;
  bool would_deny = false;
  // An event is reported.
  bool audit = false;
  // Number of the rule that denies, else of the one that audits, else of the one that allows; -1
  // when no rule matches (the class default decides).
  int rule = -1;
};

// A loaded image. Holds copies of the maps it needs; the artifact may go away.
class BpfSimulator {
 public:
  // INVALID_ARGUMENT for what CheckBpfImage refuses.
  static absl::StatusOr<BpfSimulator> Load(const BpfArtifact& artifact);

  // UNIMPLEMENTED for kinds of events that no BPF program sees (syscalls, signals).
  // INVALID_ARGUMENT for words that do not exist. An event about a node's disk is decided by its
  // `disk_device`, and not by the map of devices.
  absl::StatusOr<BpfVerdict> Decide(const Event& event) const;

  // Decides one kind of thing; the building blocks of Decide.
  BpfVerdict DecideFile(absl::string_view path, uint32_t access, bool disk_device) const;
  // Renaming the directory `path`, or unmounting it, as far as what lies below it is protected. Has
  // no default: asked in addition to DecideFile.
  BpfVerdict DecideAncestor(absl::string_view path) const;
  BpfVerdict DecideExec(absl::string_view path) const;
  BpfVerdict DecideCapability(int number) const;
  BpfVerdict DecideSocket(uint32_t domain, uint32_t type, uint32_t protocol) const;
  // `address` as in BpfPrefix. `own` says that it is one of the pod's own.
  BpfVerdict DecideEgress(const std::array<uint8_t, 16>& address, uint16_t port, bool own) const;
  BpfVerdict DecidePtrace(uint32_t permissions, bool same_container) const;
  // `ops`: bits of BpfMountBit.
  BpfVerdict DecideMount(absl::string_view source, absl::string_view fstype, uint64_t ops,
                         bool disk_device) const;
  BpfVerdict DecideOperation(uint32_t number) const;

 private:
  BpfVerdict Finish(uint32_t want, const varmor_decision& decision, uint32_t default_class) const;
  BpfVerdict Finish(const varmor_verdict& verdict, uint32_t default_class) const;
  void ReadTries(const BpfArtifact& artifact);
  // Appends what the tables accept; false when one gives no answer. There are `records` records.
  bool MatchTables(const varmor_path_table* tables, uint32_t count, absl::string_view path,
                   size_t records, std::vector<uint32_t>& accepts) const;
  BpfVerdict DecidePath(const varmor_path_table* tables, uint32_t count, absl::string_view path,
                        uint32_t access, uint32_t default_class, const varmor_decision* more) const;
  varmor_verdict PortVerdict(uint32_t set, uint16_t port) const;

  varmor_profile profile_{};
  std::vector<varmor_path_page> pages_;
  std::vector<varmor_decision> accepts_;
  std::vector<varmor_mount_accept> mount_accepts_;
  std::vector<varmor_mount_rule> mount_rules_;
  std::vector<varmor_socket_domain> sockets_;
  std::vector<varmor_verdict> socket_verdicts_;
  // Prefix length to address (masked) to set.
  std::map<int, std::map<std::string, uint32_t>> addresses_;
  // (set, bits, masked port) to verdict.
  std::map<std::string, varmor_verdict> ports_;
};

// Load and Decide in one, for a single question.
absl::StatusOr<BpfVerdict> DecideBpf(const BpfArtifact& artifact, const Event& event);

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_DECIDE_BPF_H_
