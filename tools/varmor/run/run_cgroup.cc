#include "tools/varmor/run/run_cgroup.h"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

namespace fs = std::filesystem;

// Calls `visit` with a directory and all below it.
template <typename Visit>
void Walk(const std::string& directory, const Visit& visit) {
  std::error_code error;
  visit(directory);
  fs::recursive_directory_iterator entry(directory, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored)) visit(entry->path().string());
  }
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

std::vector<pid_t> ProcessesIn(const std::string& cgroup) {
  std::vector<pid_t> pids;
  Walk(cgroup, [&](const std::string& directory) {
    const absl::StatusOr<std::string> text = ReadFileWhole(directory + "/cgroup.procs");
    if (!text.ok()) return;
    for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
      pid_t pid = 0;
      if (absl::SimpleAtoi(line, &pid)) pids.push_back(pid);
    }
  });
  return pids;
}

std::map<uint64_t, std::string> CgroupPaths() {
  std::map<uint64_t, std::string> paths;
  const absl::StatusOr<std::string> mount = FindCgroupMount();
  if (!mount.ok()) return paths;
  Walk(*mount, [&](const std::string& directory) {
    struct stat found;
    if (stat(directory.c_str(), &found) == 0) paths[found.st_ino] = directory;
  });
  return paths;
}

int IsInCgroup(pid_t pid, const std::string& cgroup) {
  const absl::StatusOr<std::string> of_process = CgroupOfProcess(pid);
  const absl::StatusOr<std::string> mount = FindCgroupMount();
  if (!of_process.ok() || !mount.ok()) return -1;
  const std::string path = *mount + *of_process;
  return path == cgroup || absl::StartsWith(path, cgroup + "/") ? 1 : 0;
}

}  // namespace varmor
