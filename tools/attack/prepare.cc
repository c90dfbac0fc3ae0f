#include "tools/attack/prepare.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/ir/bpf_rules.h"
#include "lib/compiler/simulate/decide_bpf.h"
#include "lib/compiler/status/status_macros.h"

// Macros of <sys/sysmacros.h>; DiskDevice has fields of these names.
#undef major
#undef minor

namespace varmor {
namespace {

namespace fs = std::filesystem;

absl::Status Fault(absl::string_view what, const std::string& path, absl::string_view why) {
  return absl::InternalError(absl::StrCat(what, " ", path, ": ", why));
}

absl::Status SystemFault(absl::string_view what, const std::string& path) {
  return Fault(what, path, std::strerror(errno));
}

bool IsVirtual(const std::string& path) {
  return path == "/proc" || absl::StartsWith(path, "/proc/");
}

// In a process that joins the container's mounts: takes away what is mounted at `path`, then mounts
// `count` times.
int ChangeMounts(pid_t container, const std::string& path, int count) {
  const int ns = open(absl::StrCat("/proc/", container, "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC);
  if (ns < 0 || setns(ns, CLONE_NEWNS) != 0) return errno;
  while (umount2(path.c_str(), MNT_DETACH) == 0) continue;
  const char* type = path == "/sys/fs/cgroup" ? "cgroup2" : "tmpfs";
  for (int i = 0; i < count; ++i) {
    const int error = IsVirtual(path) ? mount(path.c_str(), path.c_str(), nullptr, MS_BIND, nullptr)
                                      : mount(type, path.c_str(), type, 0, nullptr);
    if (error != 0) return errno;
  }
  return 0;
}

}  // namespace

Preparation::Preparation(const Container& container, std::string program, NodeFacts node)
    : container_(container), program_(std::move(program)), node_(std::move(node)) {}

Preparation::~Preparation() {
  for (const auto& [path, fd] : sockets_) close(fd);
}

std::string Preparation::Outside(const std::string& path) const { return container_.root() + path; }

absl::Status Preparation::MakeDirectory(const std::string& path) {
  if (IsVirtual(path)) return absl::OkStatus();
  std::error_code error;
  // What an exchange of names has left in the way.
  for (fs::path part = path; part.has_relative_path(); part = part.parent_path()) {
    if (fs::is_regular_file(Outside(part.string()), error)) {
      VARMOR_RETURN_IF_ERROR(Remove(part.string()));
    }
  }
  fs::create_directories(Outside(path), error);
  return error ? Fault("making", path, error.message()) : absl::OkStatus();
}

absl::Status Preparation::Remove(const std::string& path) {
  if (const auto socket = sockets_.find(path); socket != sockets_.end()) {
    close(socket->second);
    sockets_.erase(socket);
  }
  VARMOR_RETURN_IF_ERROR(MakeDirectory(fs::path(path).parent_path().string()));
  std::error_code error;
  fs::remove_all(Outside(path), error);
  return error ? Fault("removing", path, error.message()) : absl::OkStatus();
}

absl::Status Preparation::MakeFile(const std::string& path) {
  if (IsVirtual(path)) return absl::OkStatus();
  struct stat status;
  const bool there = lstat(Outside(path).c_str(), &status) == 0;
  if (there && S_ISCHR(status.st_mode)) return absl::OkStatus();
  // What is as it should be is left alone: files of an overlay's lower layer stay there.
  if (there && S_ISREG(status.st_mode) && status.st_size > 0 && (status.st_mode & 0777) == 0644) {
    return absl::OkStatus();
  }
  if (!there || !S_ISREG(status.st_mode)) VARMOR_RETURN_IF_ERROR(Remove(path));
  std::ofstream file(Outside(path), std::ios::trunc);
  file << "something\n";
  file.close();
  if (!file || chmod(Outside(path).c_str(), 0644) != 0) return SystemFault("writing", path);
  return absl::OkStatus();
}

absl::Status Preparation::MakeDisk(const std::string& path) {
  if (node_.disk_devices().empty()) return absl::UnimplementedError("the machine has no disk");
  VARMOR_RETURN_IF_ERROR(Remove(path));
  const DiskDevice& disk = node_.disk_devices(0);
  if (mknod(Outside(path).c_str(), S_IFBLK | 0600, makedev(disk.major(), disk.minor())) != 0) {
    return SystemFault("making", path);
  }
  return absl::OkStatus();
}

absl::Status Preparation::MakeSocket(const std::string& path) {
  VARMOR_RETURN_IF_ERROR(Remove(path));
  // Names of sockets are short: by way of the directory.
  const fs::path whole(Outside(path));
  const int directory = open(whole.parent_path().c_str(), O_PATH | O_CLOEXEC);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string name =
      absl::StrCat("/proc/self/fd/", directory, "/", whole.filename().string());
  if (directory < 0 || fd < 0 || name.size() >= sizeof address.sun_path) {
    return SystemFault("making", path);
  }
  std::strcpy(address.sun_path, name.c_str());
  const bool listens = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                       listen(fd, 64) == 0;
  close(directory);
  sockets_[path] = fd;
  return listens ? absl::OkStatus() : SystemFault("listening at", path);
}

absl::Status Preparation::MakeMounts(const std::string& path, int count) {
  VARMOR_RETURN_IF_ERROR(MakeDirectory(path));
  const pid_t child = fork();
  if (child < 0) return SystemFault("fork for", path);
  if (child == 0) _exit(ChangeMounts(container_.pid(), path, count));
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return SystemFault("wait", path);
  errno = WEXITSTATUS(status);
  return errno == 0 ? absl::OkStatus() : SystemFault("mounting at", path);
}

absl::Status Preparation::ForFile(const FileEvent& file, bool exchange) {
  const std::string& path = file.path();
  if (file.disk_device()) return MakeDisk(path);
  switch (file.access()) {
    case FileEvent::CREATE:
    case FileEvent::MKDIR:
    case FileEvent::MKNOD:
    case FileEvent::SYMLINK:
      return Remove(path);
    case FileEvent::LINK:
    case FileEvent::RENAME:
      if (file.old_path().empty()) return absl::UnimplementedError("the old name is not given");
      VARMOR_RETURN_IF_ERROR(exchange ? MakeFile(path) : Remove(path));
      if (fs::is_directory(Outside(file.old_path()))) directories_.insert(file.old_path());
      if (directories_.count(file.old_path()) == 0) return MakeFile(file.old_path());
      VARMOR_RETURN_IF_ERROR(MakeDirectory(file.old_path()));
      return MakeFile(file.old_path() + "/file");
    case FileEvent::RMDIR:
      VARMOR_RETURN_IF_ERROR(Remove(path));
      return MakeDirectory(path);
    case FileEvent::CONNECT:
      return MakeSocket(path);
    default:
      return absl::EndsWith(path, "/") ? MakeDirectory(path) : MakeFile(path);
  }
}

absl::Status Preparation::ForExec(const std::string& path, const std::string& way) {
  VARMOR_RETURN_IF_ERROR(Remove(path));
  std::error_code error;
  std::string program = path;
  if (absl::StartsWith(way, "applet")) {
    // As on images where many commands are links to one program.
    program = (fs::path(path).parent_path() / "box").string();
    VARMOR_RETURN_IF_ERROR(Remove(program));
    fs::create_symlink("box", Outside(path), error);
    if (error) return Fault("making the link", path, error.message());
  }
  fs::copy_file(program_, Outside(program), error);
  return error ? Fault("copying the program to", program, error.message()) : absl::OkStatus();
}

absl::Status Preparation::ForMount(const MountEvent& mount) {
  VARMOR_ASSIGN_OR_RETURN(const uint64_t ops, BpfMountOps(mount));
  constexpr uint64_t kInPlace =
      kMountUnbindable | kMountPrivate | kMountSlave | kMountShared | kMountPivotRoot;
  if ((ops & kInPlace) != 0) return absl::OkStatus();
  if (mount.disk_device()) VARMOR_RETURN_IF_ERROR(MakeDisk(mount.source()));
  if ((ops & (kMountUmount | kMountRemount)) != 0) return MakeMounts(mount.target(), 1);
  if ((ops & kMountMove) != 0) VARMOR_RETURN_IF_ERROR(MakeMounts(mount.source(), 1));
  if ((ops & kMountBind) != 0) VARMOR_RETURN_IF_ERROR(MakeDirectory(mount.source()));
  return MakeMounts(mount.target(), 0);
}

absl::Status Preparation::Stack(const std::vector<std::string>& mounts) {
  for (const std::string& path : mounts) {
    const auto count = std::count(mounts.begin(), mounts.end(), path);
    VARMOR_RETURN_IF_ERROR(MakeMounts(path, static_cast<int>(count)));
  }
  return absl::OkStatus();
}

absl::Status Preparation::For(const Event& event, const std::string& way) {
  switch (event.kind_case()) {
    case Event::kFile:
      return ForFile(event.file(), absl::StartsWith(way, "exchange"));
    case Event::kExec:
      return ForExec(event.exec().path(), way);
    case Event::kMount:
      return ForMount(event.mount());
    default:
      return absl::OkStatus();
  }
}

}  // namespace varmor
