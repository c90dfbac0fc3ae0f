// A kernel with AppArmor, as far as the enforcer sees it: files that look like securityfs and
// /proc. What a real one does is tested in app_armor_enforcer_vm_test.cc.
#ifndef LIB_ENFORCERS_APPARMOR_TESTING_FAKE_APP_ARMOR_KERNEL_H_
#define LIB_ENFORCERS_APPARMOR_TESTING_FAKE_APP_ARMOR_KERNEL_H_

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/enforcers/apparmor/app_armor_host.h"

namespace varmor {

// Reads compiled policies with policy_binary.h, so it takes what the real parser makes. Keeps the
// children of a replaced profile that the new one lacks, as Linux does.
class FakeAppArmorKernel : public AppArmorHost {
 public:
  // Everything is below `root`. All features of ABI 3.0, and the disk "sda".
  explicit FakeAppArmorKernel(const std::string& root);

  bool MayAdminister() override { return may_administer; }
  absl::Status Replace(absl::string_view policy) override;
  absl::Status RemoveProfile(absl::string_view name) override;

  // Everything is forgotten, as by a restart.
  void Reboot();
  // A process with one thread. `exec`: the label after its next exec.
  void AddProcess(int pid, const std::string& command, const std::string& label,
                  const std::string& exec = "");
  void RemoveProcess(int pid);

  // Full names of what is loaded, sorted.
  std::vector<std::string> Loaded();

  bool may_administer = true;
  // The next calls of Replace fail.
  int refusals = 0;
  // The next calls of Replace load, but into this mode.
  int wrong_modes = 0;
  // Of Replace that succeeded.
  int replaced = 0;
  // No hashes, and no policies kept.
  bool forgetful = false;

 private:
  struct Profile {
    std::string directory;
    std::string mode;
  };

  void Put(const std::string& name, const std::string& mode, absl::string_view policy);
  std::string ProcessDirectory(int pid) const;

  std::string root_;
  std::mutex mutex_;
  std::map<std::string, Profile> profiles_;
  int number_ = 0;
  int boots_ = 0;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_APPARMOR_TESTING_FAKE_APP_ARMOR_KERNEL_H_
