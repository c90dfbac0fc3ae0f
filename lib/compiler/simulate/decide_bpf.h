// What the BPF programs would decide, from the bytes of an image: the same tables, the same code
// for paths, the same order of look-ups.
#ifndef LIB_COMPILER_SIMULATE_DECIDE_BPF_H_
#define LIB_COMPILER_SIMULATE_DECIDE_BPF_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/compiler/artifact/bpf_map_abi.h"
#include "lib/compiler/simulate/bpf_image.h"
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
  // All that are known to have that say, ascending; the first is `rule`. A record names one rule
  // for each kind of access, so where several rules agree, some may be missing.
  std::vector<int> rules;
};

// A loaded image. Holds copies of the maps it needs; the artifact may go away.
class BpfSimulator {
 public:
  // INVALID_ARGUMENT for what CheckBpfImage refuses.
  static absl::StatusOr<BpfSimulator> Load(const BpfArtifact& artifact);
  // Of an image that says nothing, until one is assigned: everything is allowed.
  BpfSimulator() = default;

  const BpfImage& image() const { return image_; }

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
  BpfVerdict DecidePath(const varmor_path_table* tables, uint32_t count, absl::string_view path,
                        uint32_t access, uint32_t default_class, const varmor_decision* more) const;

  BpfImage image_;
};

// Load and Decide in one, for a single question.
absl::StatusOr<BpfVerdict> DecideBpf(const BpfArtifact& artifact, const Event& event);

// What the enforcer makes of the flags of a mount event: bits of BpfMountBit. INVALID_ARGUMENT for
// words that do not exist.
absl::StatusOr<uint64_t> BpfMountOps(const MountEvent& mount);

// The kinds of access (VARMOR_ACCESS_*) that a program with a file open or a call on it asks for.
// Of linking and renaming, for the new name.
uint32_t BpfAccessOf(FileEvent::Access access);

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_DECIDE_BPF_H_
