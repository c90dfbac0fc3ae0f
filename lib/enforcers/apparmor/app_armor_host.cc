#include "lib/enforcers/apparmor/app_armor_host.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/enforcers/capabilities.h"

namespace varmor {
namespace {

// 0 or an errno. The kernel takes what one write brings as a whole.
int WriteOnce(const std::string& path, absl::string_view bytes) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd == -1) return errno;
  const ssize_t written = write(fd, bytes.data(), bytes.size());
  int error = written == -1 ? errno : 0;
  if (written != -1 && static_cast<size_t>(written) != bytes.size()) error = EIO;
  close(fd);
  return error;
}

// What the kernel means by it (security/apparmor/policy.c, policy_unpack.c).
absl::string_view Meaning(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return " (CAP_MAC_ADMIN in the machine's own user namespace is needed)";
    case EPROTO:
    case EBADMSG:
      return " (it takes the compiled profile for damaged)";
    case EPROTONOSUPPORT:
      return " (it does not know this version of compiled profiles)";
    case ENOENT:
      return " (AppArmor is not there, or a child's parent is missing)";
    default:
      return "";
  }
}

}  // namespace

AppArmorHost::AppArmorHost(AppArmorPaths paths) : paths_(std::move(paths)) {}

bool AppArmorHost::MayAdminister() { return HasCapability(CAP_MAC_ADMIN); }

absl::Status AppArmorHost::Replace(absl::string_view policy) {
  const int error = WriteOnce(directory() + "/.replace", policy);
  if (error == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the kernel refuses to load the profile: ", std::strerror(error), Meaning(error)));
}

absl::Status AppArmorHost::RemoveProfile(absl::string_view name) {
  const int error = WriteOnce(directory() + "/.remove", name);
  if (error == 0) return absl::OkStatus();
  const std::string message = absl::StrCat("the kernel refuses to remove the profile ",
                                           Quoted(name), ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  return absl::FailedPreconditionError(absl::StrCat(message, Meaning(error)));
}

}  // namespace varmor
