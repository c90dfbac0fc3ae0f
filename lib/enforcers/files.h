// Files that are there whole or not at all, and still there after a power cut.
//
// Everything the enforcers write goes through here, so that a test can let any step fail.
#ifndef LIB_ENFORCERS_FILES_H_
#define LIB_ENFORCERS_FILES_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace varmor {

// The system calls that change files. As the ones of the same name: -1 and errno on failure.
class FileCalls {
 public:
  virtual ~FileCalls() = default;

  virtual int Open(const char* path, int flags, mode_t mode);
  virtual int Fchmod(int fd, mode_t mode);
  virtual ssize_t Write(int fd, const void* bytes, size_t count);
  virtual int Fsync(int fd);
  virtual int Close(int fd);
  virtual int Rename(const char* from, const char* to);
  virtual int Unlink(const char* path);
};

// `"path"` for messages, with control characters, quotes and backslashes escaped; whole, however
// long.
std::string QuotedPath(absl::string_view path);

// What the system says about an error, and what would help where that is not said by itself: "Too
// many open files; raise the limit of open files (ulimit -n)".
std::string SystemReason(int error);

// Whether an error says that the process or the machine ran out of something for now: files,
// memory, room. It says nothing about what was asked for.
bool OutOfResources(int error);

// Writes `content` beside `path` (in ".NAME.tmp", so there is one writer at a time), waits until it
// is on the disk, renames it into place and waits for that. The mode is exactly `mode`. After an
// error, which names the path and the system's reason, nothing is left beside it, and `path` is
// what it was before; or, when only the last step failed, the new file, which a power cut might
// undo.
absl::Status WriteFileWhole(FileCalls& calls, const std::string& path, absl::string_view content,
                            mode_t mode);

// Unlinks `path` and waits until that is on the disk. NOT_FOUND when there is no such file.
absl::Status RemoveFile(FileCalls& calls, const std::string& path);

// The whole file. NOT_FOUND when there is none, RESOURCE_EXHAUSTED when it is longer than `limit`
// bytes or OutOfResources, FAILED_PRECONDITION for other reasons of the system and for what is no
// regular file. Files of /proc and /sys can be read. Does not wait for anybody.
absl::StatusOr<std::string> ReadFileWhole(const std::string& path, size_t limit = 64 << 20);

// Names in a directory without "." and "..", sorted. Errors as above.
absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path);

// Creates the directory and its parents, when they are missing, with mode 0755 less the umask.
absl::Status EnsureDirectory(const std::string& path);

// Locks an open file, `path` for messages, for this descriptor alone: flock(2). Waits for whoever
// holds it; DEADLINE_EXCEEDED when that takes longer than `timeout`.
constexpr std::chrono::milliseconds kLockTimeout = std::chrono::minutes(2);
absl::Status LockOpenFile(int fd, const std::string& path,
                          std::chrono::milliseconds timeout = kLockTimeout);

// An exclusive lock on a file, for as long as it lives; between threads and between processes.
class FileLock {
 public:
  // As LockOpenFile. Creates the file when it is missing.
  static absl::StatusOr<FileLock> Take(const std::string& path,
                                       std::chrono::milliseconds timeout = kLockTimeout);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_FILES_H_
