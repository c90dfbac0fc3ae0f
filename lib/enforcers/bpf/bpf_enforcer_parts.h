// What a BpfEnforcer holds; for its own sources.
#ifndef LIB_ENFORCERS_BPF_BPF_ENFORCER_PARTS_H_
#define LIB_ENFORCERS_BPF_BPF_ENFORCER_PARTS_H_

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "lib/enforcers/bpf/kernel_features.h"
#include "lib/enforcers/bpf/pins.h"
#include "lib/enforcers/bpf/profile_table.h"
#include "lib/enforcers/bpf/program_object.h"
#include "lib/enforcers/bpf/subjects.h"
#include "lib/enforcers/bpf/version_loader.h"

namespace varmor {

struct BpfEnforcer::Parts {
  BpfEnforcerOptions options;
  BpfCalls* calls = nullptr;

  // What Unenforced knows of the kernel, from its first call on.
  std::optional<KernelFeatures> features;

  // From Start or Adopt on.
  std::optional<ActiveVersion> version;
  std::unique_ptr<ProfileTable> profiles;
  std::unique_ptr<SubjectTable> subjects;

  // Frees the slots of an update that is in force already, so that nobody waits for that. It holds
  // the lock meanwhile; whatever comes next waits for it.
  std::thread cleaner;

  ~Parts() { WaitForCleaner(); }
  void WaitForCleaner();
  void CleanUp(PinLock lock, std::vector<uint32_t> slots);

  // Takes the lock and looks at what is there now. FAILED_PRECONDITION before Start, and when the
  // maps that Start found or made are not the pinned ones any more.
  absl::StatusOr<PinLock> Begin();
  // Another build that has taken over has the same maps.
  absl::Status FollowTakeover();
  // Sets version, profiles and subjects.
  absl::Status Use(ActiveVersion found);
  // Removes the versions of this ABI other than the one in use.
  absl::Status Supersede(const std::vector<std::string>& versions, BpfStartReport& report);
  // Empties what an interrupted run left, and writes what this process knows better.
  absl::Status Settle(BpfStartReport& report);
};

// The inode number of the file of a mount namespace.
absl::StatusOr<uint32_t> MountNamespaceOf(const std::string& path);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_BPF_ENFORCER_PARTS_H_
