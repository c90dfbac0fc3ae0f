// What the AppArmor parser (3.0, features of abi/3.0) and the kernel (up to 6.1) would make of a
// profile's text, for one event.
//
// Permissions that file events need, in the letters of rules:
//
//     READ r    WRITE, CREATE, UNLINK, MKDIR, RMDIR, MKNOD, SYMLINK, TRUNCATE, CHMOD, CHOWN w
//     APPEND a (which comes with w)    LOCK k    MAP_EXECUTABLE m (which comes with ix)
//     RENAME r and w on the old name, w on the new one    CONNECT r and w
//     LINK l on the pair of names, and for the file's owner the subset test; app_armor_rule.h
//
// Paths are as AppArmor builds them: directories end in a slash ("read /etc/"). MKDIR, RMDIR, new
// mounts and pivot_root get it here; see app_armor_decide_mount.h for other mounts. What is made
// belongs to the process, unless the event says otherwise.
//
// Exec: an exact path's mode beats that of patterns. Modes that disagree, and profiles that only
// the node knows, are kUnknown, unless the mode says what happens without the profile.
//
// Complaining profiles, quiet denials: app_armor_judge.h. Not looked at: no_new_privs (which makes
// the kernel refuse transitions), the contents of unix and dbus rules, what CONNECT needs on
// kernels that do not mediate unix sockets (nothing), mount data.
#ifndef LIB_COMPILER_SIMULATE_DECIDE_APP_ARMOR_H_
#define LIB_COMPILER_SIMULATE_DECIDE_APP_ARMOR_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "lib/compiler/simulate/simulate_options.h"
#include "lib/compiler/simulate/verdict.h"
#include "proto/artifact.pb.h"
#include "proto/event.pb.h"

namespace varmor {

class AppArmorModel;  // app_armor_model.h

class AppArmorSimulator {
 public:
  // INVALID_ARGUMENT for a text that our parser refuses.
  static absl::StatusOr<AppArmorSimulator> Load(const AppArmorArtifact& artifact,
                                                const SimulateOptions& options);

  // INVALID_ARGUMENT for words that do not exist, and for a child profile that does not.
  absl::StatusOr<Verdict> Decide(const Event& event) const;

 private:
  explicit AppArmorSimulator(std::shared_ptr<const AppArmorModel> model)
      : model_(std::move(model)) {}
  std::shared_ptr<const AppArmorModel> model_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_DECIDE_APP_ARMOR_H_
