#include "tools/varmor/write_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {
namespace {

absl::Status CannotWrite(const std::string& path, int error) {
  return absl::UnknownError(
      absl::StrCat("cannot write ", Quoted(path), ": ", std::strerror(error)));
}

// 0 or an errno. Closes `fd` in any case.
int WriteAndClose(int fd, absl::string_view content) {
  int error = 0;
  while (error == 0 && !content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written >= 0) {
      content.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (close(fd) != 0 && error == 0) error = errno;  // some file systems report a full disk here
  return error;
}

}  // namespace

absl::Status MakeDirectories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error && std::filesystem::is_directory(path, error)) return absl::OkStatus();
  return CannotWrite(path, error ? error.value() : ENOTDIR);
}

absl::Status WriteFile(const std::string& path, absl::string_view content) {
  const std::string beside = absl::StrCat(path, ".", getpid(), ".tmp");
  const int fd = open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd == -1) return CannotWrite(path, errno);
  int error = WriteAndClose(fd, content);
  if (error == 0 && std::rename(beside.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return absl::OkStatus();
  unlink(beside.c_str());
  return CannotWrite(path, error);
}

}  // namespace varmor
