// AppArmor profiles in the kernel.
//
//     AppArmorEnforcer enforcer({});
//     VARMOR_RETURN_IF_ERROR(enforcer.Apply(artifacts));   // loaded, and the kernel was asked
//     VARMOR_RETURN_IF_ERROR(ChangeOnExec("varmor-default-web"));   // change_on_exec.h
//     execv(...);
//
// Compiles with apparmor_parser and keeps what it makes by content, so that a profile is compiled
// once; loads through securityfs and reads back what the kernel holds. Of what it loaded it keeps a
// record under the state directory: profiles without a record are not ours and are never removed.
#ifndef LIB_ENFORCERS_APPARMOR_APP_ARMOR_ENFORCER_H_
#define LIB_ENFORCERS_APPARMOR_APP_ARMOR_ENFORCER_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/enforcers/apparmor/app_armor_host.h"
#include "lib/enforcers/apparmor/app_armor_state.h"
#include "lib/enforcers/enforcer.h"
#include "lib/enforcers/files.h"

namespace varmor {

struct AppArmorOptions {
  // Ours alone: texts, compiled profiles, records. Made when missing. Processes may share it.
  std::string state_directory = "/var/lib/varmor/apparmor";
  // "": apparmor_parser on PATH, in /usr/sbin or in /sbin.
  std::string parser;
  // Where the parser finds abstractions, tunables and ABIs.
  std::string include_directory = "/etc/apparmor.d";
  // How long one run of the parser may take.
  std::chrono::milliseconds parser_timeout{60000};
  // Parsers that run at the same time; 0: as many as there are processors, at most 8.
  int threads = 0;
};

class AppArmorEnforcer : public Enforcer {
 public:
  explicit AppArmorEnforcer(AppArmorOptions options);
  // With another system behind it; both must outlive the enforcer.
  AppArmorEnforcer(AppArmorOptions options, AppArmorHost& host, FileCalls& files);
  ~AppArmorEnforcer() override;

  absl::string_view name() const override { return "AppArmor"; }
  EnforcerSupport Probe() override;
  std::vector<UnenforcedRule> Unenforced(const ArtifactSet& artifacts) override;

  // Beyond the interface: INVALID_ARGUMENT also for what the parser refuses, with its words, the
  // line and the policy's field; for a text that declares other profiles than the artifact names;
  // and for a name that does not begin with "varmor-". DEADLINE_EXCEEDED when the parser takes too
  // long. A profile of that name which somebody else loaded is replaced.
  absl::Status Apply(const ArtifactSet& artifacts) override;

  // Each as by Apply, several at a time; the results in the order of `sets`. Of sets with the same
  // profile name, the first counts and the others are INVALID_ARGUMENT.
  std::vector<absl::Status> ApplyAll(absl::Span<const ArtifactSet> sets);

  // Children included. NOT_FOUND also where the kernel has no AppArmor, or has it switched off. Who
  // is confined is looked up just before; a process that is started under the profile in that
  // moment would end up unconfined, so callers stop starting processes first.
  absl::Status Remove(absl::string_view profile) override;

  // What the kernel holds now. Errors only when it cannot be asked.
  absl::StatusOr<AppArmorState> Inspect(absl::string_view profile);

  // The names of profiles that we loaded since the machine was started, sorted.
  absl::StatusOr<std::vector<std::string>> Profiles();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_APPARMOR_APP_ARMOR_ENFORCER_H_
