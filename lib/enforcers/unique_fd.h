// A file descriptor with an owner.
#ifndef LIB_ENFORCERS_UNIQUE_FD_H_
#define LIB_ENFORCERS_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace varmor {

// -1: none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { Reset(-1); }

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  void Reset(int fd) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

  int fd_ = -1;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_UNIQUE_FD_H_
