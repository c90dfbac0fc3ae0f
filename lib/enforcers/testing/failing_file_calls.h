// File calls that fail when a test wants them to.
#ifndef LIB_ENFORCERS_TESTING_FAILING_FILE_CALLS_H_
#define LIB_ENFORCERS_TESTING_FAILING_FILE_CALLS_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>

#include "lib/enforcers/files.h"

namespace varmor {

// Counts the calls; from the call number `fail_at` (from 0) on, `failures` calls fail with `error`.
// A write that fails has written half.
class FailingFileCalls : public FileCalls {
 public:
  static constexpr int kNever = -1;

  int Open(const char* path, int flags, mode_t mode) override;
  int Fchmod(int fd, mode_t mode) override;
  ssize_t Write(int fd, const void* bytes, size_t count) override;
  int Fsync(int fd) override;
  int Close(int fd) override;
  int Rename(const char* from, const char* to) override;
  int Unlink(const char* path) override;

  // Starts counting anew.
  void FailAt(int call, int error, int failures = 1);
  int calls() const { return calls_; }

 private:
  bool Fails();

  std::atomic<int> calls_{0};
  int fail_at_ = kNever;
  int failures_ = 1;
  int error_ = 0;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_TESTING_FAILING_FILE_CALLS_H_
