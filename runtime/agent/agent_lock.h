// One agent at a time: two that share what they keep on a node would take it from each other.
#ifndef RUNTIME_AGENT_AGENT_LOCK_H_
#define RUNTIME_AGENT_AGENT_LOCK_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace varmor {

struct AgentLockOptions {
  std::string state_directory;
  // "": no BPF. A bpffs has no files, so its lock is below `run_directory`, named after it.
  std::string bpf_directory;
  std::string run_directory = "/run/varmor";
  // How long an agent that ends may take.
  absl::Duration timeout = absl::Seconds(5);
};

// Held for as long as it lives.
class AgentLock {
 public:
  // Makes missing directories. FAILED_PRECONDITION names what another agent has.
  static absl::StatusOr<AgentLock> Take(const AgentLockOptions& options);

  AgentLock(AgentLock&& other) noexcept : files_(std::exchange(other.files_, {})) {}
  AgentLock& operator=(AgentLock&& other) noexcept {
    std::swap(files_, other.files_);
    return *this;
  }
  ~AgentLock();

 private:
  AgentLock() = default;
  absl::Status Add(const std::string& path, const std::string& of, const std::string& flag,
                   absl::Duration timeout);

  std::vector<int> files_;
};

}  // namespace varmor

#endif  // RUNTIME_AGENT_AGENT_LOCK_H_
