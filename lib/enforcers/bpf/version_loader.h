// One pinned version of programs and maps: taken over, or loaded and attached.
#ifndef LIB_ENFORCERS_BPF_VERSION_LOADER_H_
#define LIB_ENFORCERS_BPF_VERSION_LOADER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/enforcers/bpf/bpf_calls.h"
#include "lib/enforcers/bpf/kernel_features.h"
#include "lib/enforcers/bpf/program_object.h"
#include "lib/enforcers/unique_fd.h"

namespace varmor {

// A version in force. Its programs run whether this value lives or not.
struct ActiveVersion {
  std::string name;
  std::string path;
  // The shared maps by name. "tasks" is missing on kernels without task storage.
  std::map<std::string, UniqueFd> maps;
  // Kernel's number of map "control", which no other version ever has.
  uint32_t control_id = 0;

  int map(const std::string& map_name) const { return maps.at(map_name).get(); }
};

struct LoadRequest {
  std::string directory;
  // Of the version to make; a name that is not taken.
  std::string name;
  absl::string_view object;
  const KernelFeatures* features = nullptr;
  uint32_t slots = 0;
  uint32_t subjects = 0;
  uint32_t events_bytes = 0;
  bool test_programs = false;
  bool maps_only = false;
  uint32_t host_mount_namespace = 0;
  uint32_t protected_process = 0;
  // Whose maps the new programs use; null: new maps.
  const ActiveVersion* before = nullptr;
};

// Opens the maps of a complete version. FAILED_PRECONDITION names a pin that is missing or is not
// what its name says.
absl::StatusOr<ActiveVersion> OpenVersion(const std::string& directory, const std::string& name,
                                          const ObjectShapes& shapes);

// The kernel's number of the map "control" of a version. NOT_FOUND when it has none.
absl::StatusOr<uint32_t> ControlIdOf(const std::string& path);

// Pins the records of profiles that the version at `from` has and the one at `to` has not, or has
// an older one for the same slot: the kernel numbers maps in the order in which they are made.
absl::Status CopyRecords(BpfCalls& calls, const std::string& from, const std::string& to);

// The name of the complete version of our ABI that has the map "control" with this number: what
// another build is called that has taken over, with the same maps. NOT_FOUND when there is none.
absl::StatusOr<std::string> FindVersionWithControl(const std::string& directory,
                                                   uint32_t control_id);

// Those of `programs` that a version does not have attached, in their order. FAILED_PRECONDITION
// names a pin that is no link of ours.
absl::StatusOr<std::vector<std::string>> MissingPrograms(const std::string& path,
                                                         const std::vector<std::string>& programs);

// Loads, pins and attaches. All that is made is removed again after an error. INTERNAL with the
// verifier's words when the kernel refuses a program.
absl::StatusOr<ActiveVersion> LoadVersion(BpfCalls& calls, const LoadRequest& request);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_VERSION_LOADER_H_
