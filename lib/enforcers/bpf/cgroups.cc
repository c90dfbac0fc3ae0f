#include "lib/enforcers/bpf/cgroups.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"
#include "lib/enforcers/unique_fd.h"

namespace varmor {
namespace {

absl::Status Cannot(absl::string_view what, const std::string& path) {
  const int error = errno;
  const std::string message =
      absl::StrCat("cannot ", what, " cgroup ", Quoted(path), ": ", SystemReason(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  return OutOfResources(error) ? absl::ResourceExhaustedError(message)
                               : absl::FailedPreconditionError(message);
}

}  // namespace

absl::StatusOr<std::string> FindCgroupMount(const std::string& mountinfo) {
  VARMOR_ASSIGN_OR_RETURN(const std::string text, ReadFileWhole(mountinfo));
  bool version_1 = false;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    // "ID PARENT MAJ:MIN ROOT MOUNTPOINT OPTIONS ... - TYPE SOURCE OPTIONS", man:proc(5)
    version_1 |= absl::StrContains(line, " - cgroup ");
    const size_t dash = line.find(" - cgroup2 ");
    if (dash == absl::string_view::npos) continue;
    const std::vector<absl::string_view> words = absl::StrSplit(line.substr(0, dash), ' ');
    if (words.size() > 4 && words[3] == "/") return std::string(words[4]);
  }
  // Mounting version 2 beside version 1 would not help: containers have no cgroups of their own in
  // it, as long as their runtime uses the other.
  return absl::NotFoundError(
      version_1 ? "this machine has cgroups of version 1 alone; boot with "
                  "systemd.unified_cgroup_hierarchy=1 on the kernel's command line"
                : "cgroup v2 is not mounted; mount it: mount -t cgroup2 none /sys/fs/cgroup");
}

absl::StatusOr<uint64_t> CgroupIdOfPath(const std::string& path) {
  struct statfs system;
  struct stat directory;
  if (statfs(path.c_str(), &system) != 0 || stat(path.c_str(), &directory) != 0) {
    return Cannot("look at", path);
  }
  if (system.f_type != CGROUP2_SUPER_MAGIC || !S_ISDIR(directory.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(path), " is no directory of a cgroup v2 mount"));
  }
  return directory.st_ino;
}

absl::StatusOr<std::string> CgroupPathOfId(uint64_t id, const std::string& mount) {
  const UniqueFd root(open(mount.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct statfs system;
  if (!root.ok() || fstatfs(root.get(), &system) != 0) return Cannot("look at", mount);
  if (system.f_type != CGROUP2_SUPER_MAGIC) {
    return absl::InvalidArgumentError(absl::StrCat(Quoted(mount), " is no cgroup v2 mount"));
  }
  constexpr int kKernfsHandle = 0xfe;  // FILEID_KERNFS, include/linux/exportfs.h
  alignas(file_handle) char bytes[sizeof(file_handle) + sizeof(id)] = {};
  auto* handle = reinterpret_cast<file_handle*>(bytes);
  handle->handle_bytes = sizeof(id);
  handle->handle_type = kKernfsHandle;
  std::memcpy(bytes + sizeof(file_handle), &id, sizeof(id));
  const UniqueFd directory(open_by_handle_at(root.get(), handle, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok() && errno == ESTALE) {
    return absl::NotFoundError(absl::StrCat("cgroup ", id, " is gone"));
  }
  if (!directory.ok()) return Cannot("look up", absl::StrCat(id));
  char path[PATH_MAX];
  const ssize_t size =
      readlink(absl::StrCat("/proc/self/fd/", directory.get()).c_str(), path, sizeof(path));
  if (size < 0) return Cannot("read the path of", absl::StrCat(id));
  return std::string(path, static_cast<size_t>(size));
}

absl::StatusOr<std::string> CgroupOfProcess(pid_t pid) {
  const std::string who = pid == 0 ? "self" : absl::StrCat(pid);
  VARMOR_ASSIGN_OR_RETURN(const std::string text,
                          ReadFileWhole(absl::StrCat("/proc/", who, "/cgroup")));
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    // " (deleted)" at the end is part of what the kernel prints for a removed cgroup.
    if (absl::StartsWith(line, "0::/")) return std::string(line.substr(3));
  }
  return absl::NotFoundError(absl::StrCat("process ", who, " is in no cgroup of version 2"));
}

absl::StatusOr<std::vector<uint64_t>> OwnCgroupIds(const std::string& mount) {
  VARMOR_ASSIGN_OR_RETURN(std::string path, CgroupOfProcess(0));
  std::vector<uint64_t> ids;
  while (!path.empty()) {
    // A path that leads out of a cgroup namespace cannot be looked at; what is above it is the
    // root.
    const absl::StatusOr<uint64_t> id = CgroupIdOfPath(mount + path);
    if (id.ok() && (ids.empty() || ids.back() != *id)) ids.push_back(*id);
    path.resize(path.rfind('/'));
  }
  VARMOR_ASSIGN_OR_RETURN(const uint64_t root, CgroupIdOfPath(mount));
  if (ids.empty() || ids.back() != root) ids.push_back(root);
  return ids;
}

absl::Status MakeCgroup(const std::string& path) {
  return mkdir(path.c_str(), 0755) == 0 ? absl::OkStatus() : Cannot("make", path);
}

absl::Status MoveIntoCgroup(const std::string& path, pid_t pid) {
  const int fd = open(absl::StrCat(path, "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
  if (fd == -1) return Cannot("move into", path);
  const std::string text = absl::StrCat(pid);
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const absl::Status status = written ? absl::OkStatus() : Cannot("move into", path);
  close(fd);
  return status;
}

absl::Status RemoveCgroup(const std::string& path) {
  return rmdir(path.c_str()) == 0 ? absl::OkStatus() : Cannot("remove", path);
}

}  // namespace varmor
