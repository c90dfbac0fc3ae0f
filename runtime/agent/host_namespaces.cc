#include "runtime/agent/host_namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

// Enters the namespace `name` of process 1 unless this thread is in it.
absl::Status Enter(const char* name, int type) {
  const std::string theirs = absl::StrCat("/proc/1/ns/", name);
  struct stat of_host = {};
  struct stat of_this = {};
  if (stat(theirs.c_str(), &of_host) != 0 ||
      stat(absl::StrCat("/proc/thread-self/ns/", name).c_str(), &of_this) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot read ", theirs, ": ", SystemReason(errno)));
  }
  if (of_host.st_ino == of_this.st_ino && of_host.st_dev == of_this.st_dev) {
    return absl::OkStatus();
  }
  const int fd = open(theirs.c_str(), O_RDONLY | O_CLOEXEC);
  const bool entered = fd >= 0 && setns(fd, type) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (entered) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("cannot enter ", theirs, ": ", SystemReason(error)));
}

}  // namespace

absl::Status EnterHostCgroupNamespace() { return Enter("cgroup", CLONE_NEWCGROUP); }

absl::Status InHostNetwork(const std::function<absl::Status()>& call) {
  absl::Status status;
  std::thread thread([&] {
    status = Enter("net", CLONE_NEWNET);
    if (status.ok()) status = call();
  });
  thread.join();
  return status;
}

}  // namespace varmor
