// What one enforcer does for one `varmor run`.
#ifndef TOOLS_VARMOR_RUN_RUN_ENFORCER_H_
#define TOOLS_VARMOR_RUN_RUN_ENFORCER_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/simulate/decide.h"
#include "lib/enforcers/enforcer.h"

namespace varmor {

// Where the command will run.
struct RunPlace {
  // "": it has no cgroup of its own.
  std::string cgroup;
  bool own_mount_namespace = false;
};

struct RunOptions {
  // Part of the profiles' names that no other run has: "-run-0123456789ab".
  std::string suffix;
  // Violations are to be told.
  bool report = false;
};

class RunEnforcer {
 public:
  virtual ~RunEnforcer() = default;

  // "AppArmor", "BPF", "Seccomp".
  virtual absl::string_view name() const = 0;
  virtual EnforcerSupport Probe() = 0;
  // Where it is available: rules that it does not enforce on this kernel all the same.
  virtual std::vector<UnenforcedRule> Unenforced(const ArtifactSet& /*artifacts*/) { return {}; }

  // Makes the profile ready, before the command's process exists. After an error nothing is left.
  virtual absl::Status Load(const ArtifactSet& artifacts) = 0;
  // What the user is to know of that.
  virtual std::vector<std::string> warnings() const { return {}; }
  // The command's process waits in its place.
  virtual absl::Status Enroll(const RunPlace& /*place*/) { return absl::OkStatus(); }
  // In the command's process, last before exec.
  virtual absl::Status Confine() { return absl::OkStatus(); }

  // For poll(2) and for each line to tell; -1: there is nothing to read here.
  virtual int reports_fd() const { return -1; }
  virtual void Report() {}
  // The command has ended: tells the rest, and returns why some violations may be missing; "" when
  // none is.
  virtual std::string ReportRest() { return ""; }

  // Takes back what Load and Enroll did. The command's cgroup is gone. FAILED_PRECONDITION when
  // somebody is still confined, and stays so.
  virtual absl::Status Unload() = 0;
};

// `line` gets each violation as text or JSON, without its end.
using RunLine = std::function<void(const std::string&)>;

std::unique_ptr<RunEnforcer> AppArmorForRun();  // run_app_armor.cc
std::unique_ptr<RunEnforcer> BpfForRun(const RunOptions& options, bool json,
                                       RunLine line);                   // run_bpf.cc
std::unique_ptr<RunEnforcer> SeccompForRun(const RunOptions& options);  // run_seccomp.cc

}  // namespace varmor

#endif  // TOOLS_VARMOR_RUN_RUN_ENFORCER_H_
