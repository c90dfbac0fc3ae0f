// Putting a case's policy in force for one container, and what the enforcer reports afterwards.
#ifndef TOOLS_ATTACK_ENFORCEMENT_H_
#define TOOLS_ATTACK_ENFORCEMENT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/compiler/simulate/decide.h"
#include "lib/enforcers/enforcer.h"
#include "tools/attack/container.h"

namespace varmor {

// An event that an enforcer reported, in its own words.
struct Violation {
  // Whose it is: the profile's name.
  std::string profile;
  // Id of the responsible rule, where the enforcer knows it; else "".
  std::string rule;
  std::string text;
};

class Enforcement {
 public:
  virtual ~Enforcement() = default;

  virtual EnforcerSupport Probe() = 0;

  // Before the container starts: loads what has to be loaded, and names it in `options`.
  virtual absl::Status Load(const ArtifactSet& artifacts, ContainerOptions& options) = 0;

  // Whether it wants to be told of a container that is there but has not started; and telling it.
  virtual bool Enrols() const { return false; }
  virtual absl::Status Enrol(const Container& /*container*/) { return absl::OkStatus(); }

  // Whether it reports an event that its policy denies; and one that it observes only.
  virtual bool ReportsDenials() const = 0;
  virtual bool ReportsObserved() const = 0;

  // What was reported since the last call.
  virtual absl::StatusOr<std::vector<Violation>> Violations() = 0;

  // After the container has ended.
  virtual absl::Status Unload() = 0;
};

std::unique_ptr<Enforcement> SeccompEnforcement();

// By the name that policies use; null for other names.
std::unique_ptr<Enforcement> MakeEnforcement(const std::string& name);

}  // namespace varmor

#endif  // TOOLS_ATTACK_ENFORCEMENT_H_
