// What AppArmorEnforcer needs of the system: where things are, and the calls that change a kernel.
#ifndef LIB_ENFORCERS_APPARMOR_APP_ARMOR_HOST_H_
#define LIB_ENFORCERS_APPARMOR_APP_ARMOR_HOST_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace varmor {

// Files that are only read.
struct AppArmorPaths {
  std::string security_fs = "/sys/kernel/security";
  std::string module = "/sys/module/apparmor";
  std::string proc = "/proc";
};

class AppArmorHost {
 public:
  explicit AppArmorHost(AppArmorPaths paths = {});
  virtual ~AppArmorHost() = default;

  const AppArmorPaths& paths() const { return paths_; }
  // The directory of AppArmor in securityfs.
  std::string directory() const { return paths_.security_fs + "/apparmor"; }

  // CAP_MAC_ADMIN, effective.
  virtual bool MayAdminister();

  // Loads all profiles of one compiled policy, in place of those with the same names; all or none.
  // FAILED_PRECONDITION with the kernel's reason.
  virtual absl::Status Replace(absl::string_view policy);

  // Removes a profile and its children, or one child by its full name. NOT_FOUND when there is
  // none.
  virtual absl::Status RemoveProfile(absl::string_view name);

 private:
  AppArmorPaths paths_;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_APPARMOR_APP_ARMOR_HOST_H_
