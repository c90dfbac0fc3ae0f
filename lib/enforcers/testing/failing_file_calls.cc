#include "lib/enforcers/testing/failing_file_calls.h"

#include <cerrno>

namespace varmor {

int FailingFileCalls::Open(const char* path, int flags, mode_t mode) {
  return Fails() ? -1 : FileCalls::Open(path, flags, mode);
}

int FailingFileCalls::Fchmod(int fd, mode_t mode) {
  return Fails() ? -1 : FileCalls::Fchmod(fd, mode);
}

ssize_t FailingFileCalls::Write(int fd, const void* bytes, size_t count) {
  if (!Fails()) return FileCalls::Write(fd, bytes, count);
  if (FileCalls::Write(fd, bytes, count / 2) == -1) return -1;
  errno = error_;
  return -1;
}

int FailingFileCalls::Fsync(int fd) { return Fails() ? -1 : FileCalls::Fsync(fd); }

// As the kernel does: the descriptor is closed all the same.
int FailingFileCalls::Close(int fd) {
  const int result = FileCalls::Close(fd);
  return Fails() ? -1 : result;
}

int FailingFileCalls::Rename(const char* from, const char* to) {
  return Fails() ? -1 : FileCalls::Rename(from, to);
}

int FailingFileCalls::Unlink(const char* path) { return Fails() ? -1 : FileCalls::Unlink(path); }

void FailingFileCalls::FailAt(int call, int error, int failures) {
  calls_ = 0;
  fail_at_ = call;
  error_ = error;
  failures_ = failures;
}

bool FailingFileCalls::Fails() {
  const int call = calls_++;
  if (fail_at_ == kNever || call < fail_at_ || call >= fail_at_ + failures_) return false;
  errno = error_;
  return true;
}

}  // namespace varmor
