// Whom the profiles confine: map "subjects", and the addresses of their pods.
#ifndef LIB_ENFORCERS_BPF_SUBJECTS_H_
#define LIB_ENFORCERS_BPF_SUBJECTS_H_

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/enforcers/bpf/bpf_calls.h"
#include "lib/enforcers/bpf/programs/programs_abi.h"

namespace varmor {

// IPv4 as ::ffff:a.b.c.d.
using PodAddress = std::array<uint8_t, 16>;

// INVALID_ARGUMENT for what is no IPv4 or IPv6 address.
absl::StatusOr<PodAddress> ParsePodAddress(const std::string& text);
std::string PodAddressText(const PodAddress& address);

class SubjectTable {
 public:
  // The maps stay the caller's.
  SubjectTable(BpfCalls& calls, int control, int subjects, int pod_addresses)
      : calls_(calls), control_(control), subjects_(subjects), pod_addresses_(pod_addresses) {}

  // By cgroup.
  absl::StatusOr<std::map<uint64_t, varmor_subject>> Read() const;
  // By pod number.
  absl::StatusOr<std::map<uint32_t, std::set<PodAddress>>> ReadPods() const;

  // Adds or changes a subject. After an error it is as before, or the message says "has the
  // profile": undoing failed as well.
  absl::Status Put(uint64_t cgroup, uint32_t profile, uint32_t flags,
                   const std::set<PodAddress>& addresses);
  // NOT_FOUND when there is none.
  absl::Status Delete(uint64_t cgroup);

  // Lets the programs look again whose the processes are that were nobody's.
  absl::Status WakePrograms();

  absl::StatusOr<varmor_control> ReadControl() const;
  absl::Status WriteControl(const varmor_control& control);

 private:
  // Number of a pod with these addresses, which are in the map then; 0 for none. Addresses of pods
  // that nobody has any more go.
  absl::StatusOr<uint32_t> PreparePod(const std::set<PodAddress>& addresses);
  void DeletePod(uint32_t pod, const std::set<PodAddress>& addresses);

  BpfCalls& calls_;
  const int control_;
  const int subjects_;
  const int pod_addresses_;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_SUBJECTS_H_
