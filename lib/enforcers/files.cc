#include "lib/enforcers/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

absl::Status Cannot(absl::string_view what, const std::string& path, int error) {
  const std::string message =
      absl::StrCat("cannot ", what, " ", QuotedPath(path), ": ", SystemReason(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  return OutOfResources(error) ? absl::ResourceExhaustedError(message)
                               : absl::FailedPreconditionError(message);
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string TemporaryBeside(const std::string& path) {
  return absl::StrCat(DirectoryOf(path), "/.", path.substr(path.rfind('/') + 1), ".tmp");
}

// 0 or an errno.
int WriteAll(FileCalls& calls, int fd, absl::string_view content) {
  while (!content.empty()) {
    const ssize_t written = calls.Write(fd, content.data(), content.size());
    if (written > 0) {
      content.remove_prefix(static_cast<size_t>(written));
    } else if (written == 0) {
      return EIO;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

// 0 or an errno. The file's content is on the disk afterwards.
int WriteNew(FileCalls& calls, const std::string& path, absl::string_view content, mode_t mode) {
  const int fd =
      calls.Open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd == -1) return errno;
  int error = calls.Fchmod(fd, mode) == 0 ? 0 : errno;  // the umask took bits away
  if (error == 0) error = WriteAll(calls, fd, content);
  if (error == 0 && calls.Fsync(fd) != 0) error = errno;
  if (calls.Close(fd) != 0 && error == 0) error = errno;
  return error;
}

// 0 or an errno. Names in the directory are on the disk afterwards.
int SyncDirectory(FileCalls& calls, const std::string& directory) {
  const int fd = calls.Open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd == -1) return errno;
  const int error = calls.Fsync(fd) == 0 ? 0 : errno;
  calls.Close(fd);
  return error;
}

}  // namespace

int FileCalls::Open(const char* path, int flags, mode_t mode) { return open(path, flags, mode); }
int FileCalls::Fchmod(int fd, mode_t mode) { return fchmod(fd, mode); }
ssize_t FileCalls::Write(int fd, const void* bytes, size_t count) {
  return write(fd, bytes, count);
}
int FileCalls::Fsync(int fd) { return fsync(fd); }
int FileCalls::Close(int fd) { return close(fd); }
int FileCalls::Rename(const char* from, const char* to) { return rename(from, to); }
int FileCalls::Unlink(const char* path) { return unlink(path); }

std::string SystemReason(int error) {
  const std::string reason = std::strerror(error);
  switch (error) {
    case EMFILE:
      return absl::StrCat(reason, "; raise the limit of open files (ulimit -n)");
    case ENFILE:
      return absl::StrCat(reason, "; raise /proc/sys/fs/file-max");
    default:
      return reason;
  }
}

bool OutOfResources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOSPC ||
         error == EDQUOT;
}

std::string QuotedPath(absl::string_view path) {
  return absl::StrCat("\"", absl::Utf8SafeCEscape(path), "\"");
}

absl::Status WriteFileWhole(FileCalls& calls, const std::string& path, absl::string_view content,
                            mode_t mode) {
  const std::string beside = TemporaryBeside(path);
  int error = WriteNew(calls, beside, content, mode);
  if (error == 0 && calls.Rename(beside.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    calls.Unlink(beside.c_str());
    return Cannot("write", path, error);
  }
  error = SyncDirectory(calls, DirectoryOf(path));
  return error == 0 ? absl::OkStatus() : Cannot("be sure to keep", path, error);
}

absl::Status RemoveFile(FileCalls& calls, const std::string& path) {
  if (calls.Unlink(path.c_str()) != 0) return Cannot("remove", path, errno);
  const int error = SyncDirectory(calls, DirectoryOf(path));
  return error == 0 ? absl::OkStatus() : Cannot("be sure to have removed", path, error);
}

absl::StatusOr<std::string> ReadFileWhole(const std::string& path, size_t limit) {
  // Opening a FIFO would wait for whoever writes to it.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd == -1) return Cannot("read", path, errno);
  struct stat facts = {};
  if (fstat(fd, &facts) == 0 && !S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode)) {
    close(fd);
    return absl::FailedPreconditionError(
        absl::StrCat("cannot read ", QuotedPath(path), ": it is no regular file"));
  }
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t count = read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int error = count == 0 ? 0 : errno;
      close(fd);
      if (error != 0) return Cannot("read", path, error);
      return text;
    }
    text.append(buffer, static_cast<size_t>(count));
    if (text.size() > limit) {
      close(fd);
      return absl::ResourceExhaustedError(
          absl::StrCat("cannot read ", QuotedPath(path), ": it has more than ", limit, " bytes"));
    }
  }
}

absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (directory == nullptr) return Cannot("read", path, errno);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(directory.get());
    if (entry == nullptr) break;
    const absl::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return Cannot("read", path, errno);
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status EnsureDirectory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error && std::filesystem::is_directory(path, error)) return absl::OkStatus();
  const int reason = error ? error.value() : ENOTDIR;
  return absl::FailedPreconditionError(
      absl::StrCat("cannot make ", QuotedPath(path), ": ", SystemReason(reason)));
}

absl::Status LockOpenFile(int fd, const std::string& path, std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return Cannot("lock", path, errno);
    if (std::chrono::steady_clock::now() > end) {
      return absl::DeadlineExceededError(
          absl::StrCat("another process has had the lock of ", QuotedPath(path), " for ",
                       std::chrono::duration_cast<std::chrono::seconds>(timeout).count(),
                       " seconds; `lsof ", path, "` shows it: continue it or end it"));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return absl::OkStatus();
}

absl::StatusOr<FileLock> FileLock::Take(const std::string& path,
                                        std::chrono::milliseconds timeout) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd == -1) return Cannot("lock", path, errno);
  FileLock lock(fd);
  if (absl::Status locked = LockOpenFile(fd, path, timeout); !locked.ok()) return locked;
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ != -1) close(fd_);
}

}  // namespace varmor
