#include "lib/enforcers/apparmor/change_on_exec.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

// 0 or an errno.
int WriteOnce(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd == -1) return errno;
  const ssize_t written = write(fd, text.data(), text.size());
  const int error = written == -1 ? errno : 0;
  close(fd);
  return error;
}

}  // namespace

// Before Linux 5.8 there is no directory for each security module, and the file belongs to the
// first of them that has processes' attributes.
absl::Status ChangeOnExec(absl::string_view profile, const std::string& proc) {
  const std::string text = absl::StrCat("exec ", profile);
  int error = WriteOnce(proc + "/thread-self/attr/apparmor/exec", text);
  if (error == ENOENT && access((proc + "/thread-self/attr/apparmor/exec").c_str(), F_OK) != 0) {
    error = WriteOnce(proc + "/thread-self/attr/exec", text);
  }
  if (error == 0) return absl::OkStatus();
  const std::string message = absl::StrCat("cannot start programs under the AppArmor profile ",
                                           Quoted(profile), ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  return absl::FailedPreconditionError(message);
}

absl::StatusOr<std::string> CurrentConfinement(const std::string& proc) {
  absl::StatusOr<std::string> text = ReadFileWhole(proc + "/thread-self/attr/apparmor/current");
  if (absl::IsNotFound(text.status())) text = ReadFileWhole(proc + "/thread-self/attr/current");
  if (!text.ok()) return text.status();
  return std::string(absl::StripSuffix(*text, "\n"));
}

}  // namespace varmor
