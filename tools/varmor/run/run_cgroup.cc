#include "tools/varmor/run/run_cgroup.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "lib/enforcers/files.h"
#include "lib/enforcers/unique_fd.h"

namespace varmor {
namespace {

namespace fs = std::filesystem;

// What files of a cgroup say that has gone away.
bool IsGone(int error) { return error == ENOENT || error == ENODEV; }

// 0 or an errno.
int Read(const std::string& path, std::string& text) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[4096];
  while (fd.ok()) {
    const ssize_t count = read(fd.get(), buffer, sizeof(buffer));
    if (count == 0) return 0;
    if (count < 0 && errno != EINTR) break;
    if (count > 0) text.append(buffer, static_cast<size_t>(count));
  }
  return errno;
}

// The directories in one; none when it is gone.
absl::StatusOr<std::vector<std::string>> Below(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> below;
  fs::directory_iterator entry(directory, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored)) below.push_back(entry->path().string());
  }
  if (error && !IsGone(error.value())) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot read ", QuotedPath(directory), ": ", SystemReason(error.value())));
  }
  return below;
}

// Calls `visit` with a directory and all below it, but for those that go away meanwhile. Ends with
// the first error.
template <typename Visit>
absl::Status Walk(const std::string& directory, const Visit& visit) {
  VARMOR_RETURN_IF_ERROR(visit(directory));
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> below, Below(directory));
  for (const std::string& one : below) {
    VARMOR_RETURN_IF_ERROR(Walk(one, visit));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> MakeRunCgroup(const std::string& wanted, const std::string& name) {
  VARMOR_ASSIGN_OR_RETURN(const std::string mount, FindCgroupMount());
  std::string path;
  if (wanted.empty()) {
    VARMOR_ASSIGN_OR_RETURN(const std::string own, CgroupOfProcess(0));
    path = absl::StrCat(mount, own == "/" ? "" : own, "/", name);
  } else if (absl::StartsWith(wanted, mount + "/")) {
    path = wanted;
  } else {
    path = absl::StrCat(mount, wanted[0] == '/' ? "" : "/", wanted);
  }
  VARMOR_RETURN_IF_ERROR(MakeCgroup(path));
  return path;
}

absl::StatusOr<std::vector<pid_t>> ProcessesIn(const std::string& cgroup) {
  std::vector<pid_t> pids;
  VARMOR_RETURN_IF_ERROR(Walk(cgroup, [&](const std::string& directory) {
    const std::string path = directory + "/cgroup.procs";
    std::string text;
    const int error = Read(path, text);
    if (error != 0 && !IsGone(error)) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot read ", QuotedPath(path), ": ", SystemReason(error)));
    }
    for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      pid_t pid = 0;
      if (absl::SimpleAtoi(line, &pid)) pids.push_back(pid);
    }
    return absl::OkStatus();
  }));
  return pids;
}

absl::Status RemoveRunCgroup(const std::string& cgroup) {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> below, Below(cgroup));
  for (const std::string& one : below) {
    VARMOR_RETURN_IF_ERROR(RemoveRunCgroup(one));
  }
  const absl::Status removed = RemoveCgroup(cgroup);
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

int IsInCgroup(pid_t pid, const std::string& cgroup) {
  const absl::StatusOr<std::string> of_process = CgroupOfProcess(pid);
  const absl::StatusOr<std::string> mount = FindCgroupMount();
  if (!of_process.ok() || !mount.ok()) return -1;
  const std::string path = *mount + *of_process;
  return path == cgroup || absl::StartsWith(path, cgroup + "/") ? 1 : 0;
}

}  // namespace varmor
