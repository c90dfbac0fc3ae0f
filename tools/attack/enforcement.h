// Putting a case's policy in force for one container, and what the enforcer reports afterwards.
#ifndef TOOLS_ATTACK_ENFORCEMENT_H_
#define TOOLS_ATTACK_ENFORCEMENT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/compiler/simulate/decide.h"
#include "lib/compiler/simulate/simulate_options.h"
#include "lib/enforcers/enforcer.h"
#include "proto/event.pb.h"
#include "tools/attack/container.h"

namespace varmor {

// An event that an enforcer reported, in its own words.
struct Violation {
  // Whose it is: the profile's name. "" when it is another container's.
  std::string profile;
  // Id of the responsible rule, where the enforcer knows it; else "".
  std::string rule;
  std::string text;
  // It is about the use of a capability.
  bool capability = false;
};

class Enforcement {
 public:
  virtual ~Enforcement() = default;

  virtual EnforcerSupport Probe() = 0;

  // Whether loading the next policy, whose profile has the same name, puts it in force for a
  // container that runs already.
  virtual bool Replaces() const { return false; }

  // Before the container starts: loads what has to be loaded, and names it in `options`.
  virtual absl::Status Load(const ArtifactSet& artifacts, ContainerOptions& options) = 0;

  // Whether it wants to be told of a container that is there but has not started; and telling it,
  // with the addresses of the container's pod.
  virtual bool Enrols() const { return false; }
  virtual absl::Status Enrol(const Container& /*container*/,
                             const std::vector<std::string>& /*addresses*/) {
    return absl::OkStatus();
  }

  // Whether it reports an event, brought about in some way, that the policy denies or, when it
  // observes only, would deny.
  virtual bool Reports(const Event& event, const std::string& way, bool observe) const = 0;

  // What was reported since the last call.
  virtual absl::StatusOr<std::vector<Violation>> Violations() = 0;

  // After the container has ended.
  virtual absl::Status Unload() = 0;
};

struct EnforcementOptions {
  // An existing directory.
  std::string scratch;
  // For the simulator; must outlive the enforcement.
  const AppArmorIncludes* includes = nullptr;
};

std::unique_ptr<Enforcement> AppArmorEnforcement(const EnforcementOptions& options);
std::unique_ptr<Enforcement> BpfEnforcement();
std::unique_ptr<Enforcement> SeccompEnforcement();

// By the name that policies use; null for other names.
std::unique_ptr<Enforcement> MakeEnforcement(const std::string& name,
                                             const EnforcementOptions& options);

}  // namespace varmor

#endif  // TOOLS_ATTACK_ENFORCEMENT_H_
