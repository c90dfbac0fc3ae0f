#include "runtime/agent/agent_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"

namespace varmor {

AgentLock::~AgentLock() {
  for (const int file : files_) close(file);
}

absl::Status AgentLock::Add(const std::string& path, const std::string& of, const std::string& flag,
                            absl::Duration timeout) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file == -1) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot lock ", QuotedPath(path), ": ", SystemReason(errno)));
  }
  files_.push_back(file);
  const absl::Time end = absl::Now() + timeout;
  while (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot lock ", QuotedPath(path), ": ", SystemReason(errno)));
    }
    if (absl::Now() > end) {
      return absl::FailedPreconditionError(
          absl::StrCat("another agent works with ", QuotedPath(of), ": `lsof ", path,
                       "` shows it; end it, or give this one a ", flag, " of its own"));
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
  return absl::OkStatus();
}

absl::StatusOr<AgentLock> AgentLock::Take(const AgentLockOptions& options) {
  AgentLock lock;
  VARMOR_RETURN_IF_ERROR(EnsureDirectory(options.state_directory));
  VARMOR_RETURN_IF_ERROR(lock.Add(options.state_directory + "/agent.lock", options.state_directory,
                                  "--stateDir", options.timeout));
  if (options.bpf_directory.empty()) return lock;
  VARMOR_RETURN_IF_ERROR(EnsureDirectory(options.run_directory));
  const std::string path =
      absl::StrCat(options.run_directory, "/agent",
                   absl::StrReplaceAll(options.bpf_directory, {{"/", "-"}}), ".lock");
  VARMOR_RETURN_IF_ERROR(lock.Add(path, options.bpf_directory, "--bpfDir", options.timeout));
  return lock;
}

}  // namespace varmor
