// What runs of `varmor run` have made in the kernel: a file each, locked while varmor lives. When
// it was killed, the next one finds the file without a lock and knows what to take back.
#ifndef TOOLS_VARMOR_RUN_RUN_RECORD_H_
#define TOOLS_VARMOR_RUN_RUN_RECORD_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace varmor {

constexpr char kRunDirectory[] = "/run/varmor/runs";

class RunRecord {
 public:
  // Makes the file of run `id`, locked. FAILED_PRECONDITION when the directory cannot be used.
  static absl::StatusOr<RunRecord> Create(const std::string& id,
                                          const std::string& directory = kRunDirectory);

  RunRecord(RunRecord&& other) noexcept;
  RunRecord& operator=(RunRecord&&) = delete;
  // Leaves the file. Gives up the lock.
  ~RunRecord();

  // Writes "KEY VALUE": "cgroup", "command", "AppArmor", "BPF".
  absl::Status Add(absl::string_view key, absl::string_view value);
  // The run is over, and all it made is gone.
  void Remove();

 private:
  RunRecord(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  int fd_ = -1;
  std::string path_;
};

// A run whose varmor is gone.
struct AbandonedRun {
  std::string id;
  // By key, what it noted last.
  std::map<std::string, std::string> values;
  // The file.
  std::string path;
};

// Sorted; none when the directory is missing.
std::vector<AbandonedRun> AbandonedRuns(const std::string& directory = kRunDirectory);

}  // namespace varmor

#endif  // TOOLS_VARMOR_RUN_RUN_RECORD_H_
