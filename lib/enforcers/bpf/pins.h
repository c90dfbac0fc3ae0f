// The directory in which everything of the BPF enforcer is pinned:
//
//     /sys/fs/bpf/varmor/
//       v1-0123456789ab/         a version: ABI and digest of its programs
//         complete/              made last; without it the version is half made, or half removed
//         tested/                its programs have proved that they deny
//         maps/subjects ...      the maps of programs_abi.h
//         links/file_open ...    what keeps the programs attached
//         profiles/7             what is known about the profile in slot 7; profile_record.h
//         test_programs/match    only for tests
//
// bpffs has no files, so that is all there is.
#ifndef LIB_ENFORCERS_BPF_PINS_H_
#define LIB_ENFORCERS_BPF_PINS_H_

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/enforcers/bpf/bpf_calls.h"
#include "lib/enforcers/files.h"
#include "lib/enforcers/unique_fd.h"

namespace varmor {

// Keeps other processes and threads from changing what is pinned, for as long as it lives.
class PinLock {
 public:
  // As LockOpenFile. NOT_FOUND when the directory is missing.
  static absl::StatusOr<PinLock> Take(const std::string& directory,
                                      std::chrono::milliseconds timeout = kLockTimeout);

 private:
  explicit PinLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

struct PinnedVersion {
  std::string name;
  bool complete = false;
};

// Makes the directory; FAILED_PRECONDITION when its parent is in no bpffs.
absl::Status MakePinDirectory(BpfCalls& calls, const std::string& directory);

// The versions in it, sorted; none when it is missing. FAILED_PRECONDITION names what is not ours,
// in it or in a version.
absl::StatusOr<std::vector<PinnedVersion>> ListVersions(const std::string& directory);

// Makes the directories of a version that is not complete.
absl::Status MakeVersion(BpfCalls& calls, const std::string& path);
absl::Status CompleteVersion(BpfCalls& calls, const std::string& path);
bool IsComplete(const std::string& path);
// Notes that the programs of a version passed the self-test.
absl::Status MarkTested(BpfCalls& calls, const std::string& path);
bool IsTested(const std::string& path);

// Unpins everything of a version, "complete" first and links next. An error leaves the rest.
absl::Status RemoveVersion(BpfCalls& calls, const std::string& path);

// Pins; on an error nothing.
absl::Status PinAt(BpfCalls& calls, int fd, const std::string& path);
// Unpins what is there; nothing there is no error.
absl::Status Unpin(BpfCalls& calls, const std::string& path);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_PINS_H_
