#include "lib/enforcers/bpf/subjects.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_reads.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

constexpr uint32_t kFirst = 0;

varmor_pod_address KeyOf(uint32_t pod, const PodAddress& address) {
  varmor_pod_address key{};
  key.pod = pod;
  std::copy(address.begin(), address.end(), key.address);
  return key;
}

// E2BIG of a write means that the map is full.
absl::Status WriteFailed(absl::string_view what, int map, int error) {
  if (error != E2BIG) return BpfCallFailed(what, error);
  VARMOR_ASSIGN_OR_RETURN(const BpfMapParameters shape, MapParametersOf(map));
  return absl::ResourceExhaustedError(
      absl::StrCat("cannot ", what, ": all ", shape.max_entries,
                   " places are taken; release cgroups, or start with room for more subjects"));
}

constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

absl::StatusOr<PodAddress> ParsePodAddress(const std::string& text) {
  PodAddress address{};
  std::copy(kMapped.begin(), kMapped.end(), address.begin());
  if (inet_pton(AF_INET, text.c_str(), address.data() + kMapped.size()) == 1) return address;
  if (inet_pton(AF_INET6, text.c_str(), address.data()) == 1) return address;
  return absl::InvalidArgumentError(absl::StrCat(Quoted(text), " is no IPv4 or IPv6 address"));
}

std::string PodAddressText(const PodAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (std::equal(kMapped.begin(), kMapped.end(), address.begin())) {
    inet_ntop(AF_INET, address.data() + kMapped.size(), text, sizeof(text));
  } else {
    inet_ntop(AF_INET6, address.data(), text, sizeof(text));
  }
  return text;
}

absl::StatusOr<std::map<uint64_t, varmor_subject>> SubjectTable::Read() const {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> keys,
                          ReadKeys(subjects_, sizeof(uint64_t)));
  std::map<uint64_t, varmor_subject> out;
  for (const std::string& key : keys) {
    const absl::StatusOr<std::string> value =
        ReadValue(subjects_, key.data(), sizeof(varmor_subject));
    if (!value.ok()) return value.status();
    uint64_t cgroup = 0;
    std::memcpy(&cgroup, key.data(), sizeof(cgroup));
    std::memcpy(&out[cgroup], value->data(), sizeof(varmor_subject));
  }
  return out;
}

absl::StatusOr<std::map<uint32_t, std::set<PodAddress>>> SubjectTable::ReadPods() const {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> keys,
                          ReadKeys(pod_addresses_, sizeof(varmor_pod_address)));
  std::map<uint32_t, std::set<PodAddress>> out;
  for (const std::string& key : keys) {
    varmor_pod_address entry;
    std::memcpy(&entry, key.data(), sizeof(entry));
    PodAddress address;
    std::copy(std::begin(entry.address), std::end(entry.address), address.begin());
    out[entry.pod].insert(address);
  }
  return out;
}

void SubjectTable::DeletePod(uint32_t pod, const std::set<PodAddress>& addresses) {
  for (const PodAddress& address : addresses) {
    const varmor_pod_address key = KeyOf(pod, address);
    calls_.Delete(pod_addresses_, &key);  // what stays goes the next time
  }
}

absl::StatusOr<uint32_t> SubjectTable::PreparePod(const std::set<PodAddress>& addresses) {
  using Pods = std::map<uint32_t, std::set<PodAddress>>;
  using Subjects = std::map<uint64_t, varmor_subject>;
  VARMOR_ASSIGN_OR_RETURN(const Subjects subjects, Read());
  VARMOR_ASSIGN_OR_RETURN(const Pods pods, ReadPods());
  std::set<uint32_t> used;
  for (const auto& [cgroup, subject] : subjects) used.insert(subject.pod);
  for (const auto& [pod, known] : pods) {
    if (used.count(pod) > 0 && known == addresses) return pod;
    if (used.count(pod) == 0) DeletePod(pod, known);
  }
  if (addresses.empty()) return 0u;
  uint32_t pod = 1;
  while (used.count(pod) > 0 || pods.count(pod) > 0) ++pod;
  const uint32_t one = 1;
  for (const PodAddress& address : addresses) {
    const varmor_pod_address key = KeyOf(pod, address);
    if (calls_.Update(pod_addresses_, &key, &one) == 0) continue;
    const absl::Status failed = WriteFailed("write the pod's addresses", pod_addresses_, errno);
    DeletePod(pod, addresses);
    return failed;
  }
  return pod;
}

absl::Status SubjectTable::Put(uint64_t cgroup, uint32_t profile, uint32_t flags,
                               const std::set<PodAddress>& addresses) {
  const absl::StatusOr<std::string> before = ReadValue(subjects_, &cgroup, sizeof(varmor_subject));
  if (!before.ok() && !absl::IsNotFound(before.status())) return before.status();
  varmor_subject subject{};
  subject.profile = profile;
  subject.flags = flags;
  if (!addresses.empty()) {
    VARMOR_ASSIGN_OR_RETURN(subject.pod, PreparePod(addresses));
  }
  if (calls_.Update(subjects_, &cgroup, &subject) != 0) {
    return WriteFailed(absl::StrCat("confine cgroup ", cgroup), subjects_, errno);
  }
  // Also for one that was confined before: whoever did it may have come no further than this.
  const absl::Status woken = WakePrograms();
  if (woken.ok()) return woken;
  // Processes that were nobody's would stay so.
  const bool undone = before.ok() ? calls_.Update(subjects_, &cgroup, before->data()) == 0
                                  : calls_.Delete(subjects_, &cgroup) == 0;
  if (undone) return woken;
  return absl::Status(
      woken.code(),
      absl::StrCat(woken.message(), "; cannot undo it: ", SystemReason(errno), "; cgroup ", cgroup,
                   " has the profile, save for processes that ran in it before it was confined"));
}

absl::Status SubjectTable::WakePrograms() {
  VARMOR_ASSIGN_OR_RETURN(varmor_control control, ReadControl());
  control.generation++;
  return WriteControl(control);
}

absl::Status SubjectTable::Delete(uint64_t cgroup) {
  if (calls_.Delete(subjects_, &cgroup) != 0) {
    if (errno == ENOENT) {
      return absl::NotFoundError(absl::StrCat("cgroup ", cgroup, " is not confined"));
    }
    return BpfCallFailed(absl::StrCat("release cgroup ", cgroup), errno);
  }
  PreparePod({}).status().IgnoreError();  // its pod's addresses; what stays goes the next time
  return absl::OkStatus();
}

absl::StatusOr<varmor_control> SubjectTable::ReadControl() const {
  VARMOR_ASSIGN_OR_RETURN(const std::string bytes,
                          ReadValue(control_, &kFirst, sizeof(varmor_control)));
  varmor_control control;
  std::memcpy(&control, bytes.data(), sizeof(control));
  return control;
}

absl::Status SubjectTable::WriteControl(const varmor_control& control) {
  if (calls_.Update(control_, &kFirst, &control) == 0) return absl::OkStatus();
  return BpfCallFailed("write map control", errno);
}

}  // namespace varmor
