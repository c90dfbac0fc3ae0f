#include "lib/enforcers/bpf/inside_processes.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bpf/bpf.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_reads.h"
#include "lib/enforcers/bpf/programs/programs_abi.h"
#include "lib/enforcers/files.h"
#include "lib/enforcers/unique_fd.h"

namespace varmor {
namespace {

std::string LinkText(const char* path) {
  char text[PATH_MAX];
  const ssize_t size = readlink(path, text, sizeof(text));
  return size < 0 ? "" : std::string(text, static_cast<size_t>(size));
}

absl::Status CheckSeesAll() {
  // PROC_PID_INIT_INO, include/linux/proc_ns.h.
  constexpr const char* kInitial = "pid:[4026531836]";
  if (LinkText("/proc/self/ns/pid") == kInitial && LinkText("/proc/self") == absl::StrCat(getpid()))
    return absl::OkStatus();
  return absl::FailedPreconditionError(
      "this process does not see all processes; run it in the machine's own pid namespace, with "
      "its /proc");
}

// Whether all of a process's threads have ended: it starts nothing any more.
bool HasEnded(int process) {
  pollfd polled = {process, POLLIN, 0};
  return poll(&polled, 1, 0) == 1;
}

void Add(const varmor_task& task, std::map<uint64_t, size_t>& counts) {
  if ((task.flags & VARMOR_TASK_INSIDE) != 0) ++counts[task.cgroup];
}

}  // namespace

absl::StatusOr<std::map<uint64_t, size_t>> CountInside(int tasks) {
  VARMOR_RETURN_IF_ERROR(CheckSeesAll());
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory("/proc"));
  std::map<uint64_t, size_t> counts;
  for (const std::string& name : names) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(name, &pid)) continue;
    // glibc 2.31 has no function for this call.
    const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!process.ok() && errno == ESRCH) continue;
    if (!process.ok()) return ReadFailed(absl::StrCat("process ", pid), errno);
    if (HasEnded(process.get())) continue;
    const int key = process.get();
    varmor_task task;
    if (bpf_map_lookup_elem(tasks, &key, &task) == 0) {
      Add(task, counts);
    } else if (errno != ENOENT && errno != ESRCH) {
      return ReadFailed(absl::StrCat("the record of process ", pid), errno);
    }
  }
  return counts;
}

absl::StatusOr<std::map<uint64_t, size_t>> CountInsideByAddress(int tasks_by_address) {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> keys,
                          ReadKeys(tasks_by_address, sizeof(uint64_t)));
  std::map<uint64_t, size_t> counts;
  for (const std::string& key : keys) {
    const absl::StatusOr<std::string> value =
        ReadValue(tasks_by_address, key.data(), sizeof(varmor_task));
    if (absl::IsNotFound(value.status())) continue;
    if (!value.ok()) return value.status();
    varmor_task task;
    std::memcpy(&task, value->data(), sizeof(task));
    Add(task, counts);
  }
  return counts;
}

}  // namespace varmor
