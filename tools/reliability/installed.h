// The enforcer with the prober's profile in force: where most parts begin.
#ifndef TOOLS_RELIABILITY_INSTALLED_H_
#define TOOLS_RELIABILITY_INSTALLED_H_

#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "tools/reliability/checks.h"
#include "tools/reliability/kernel_objects.h"
#include "tools/reliability/scene.h"

namespace varmor {

constexpr const char* kProberProfile = "varmor-ns-relia";

// Two builds of the programs, with different digests.
BpfEnforcerOptions BuildOptions(bool second);

// Names of the pinned versions that are complete.
std::set<std::string> WholeVersions();

class Installed {
 public:
  // Counts, installs the first build, puts version A in force, starts the prober.
  explicit Installed(Checks& checks);
  // Stops the prober, uninstalls, and checks that the kernel has what it had before.
  ~Installed();

  // False: a check has failed and the rest is pointless.
  bool ready() const { return prober_ != nullptr; }
  Prober& prober() { return *prober_; }

  // Of all that was there before.
  const KernelObjects& before() const { return before_; }
  // With the first build and version A in force and nothing else.
  const KernelObjects& resting() const { return resting_; }
  // Brings that state back, through an enforcer of its own, and compares the counts.
  void CheckResting(const std::string& name);

 private:
  absl::Status Rest();

  Checks& checks_;
  KernelObjects before_;
  KernelObjects resting_;
  std::unique_ptr<Prober> prober_;
};

}  // namespace varmor

#endif  // TOOLS_RELIABILITY_INSTALLED_H_
