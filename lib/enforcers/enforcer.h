// One enforcer: a part of the kernel that takes profiles.
//
//     std::unique_ptr<Enforcer> enforcer = ...;  // AppArmorEnforcer, BpfEnforcer, SeccompEnforcer
//     const EnforcerSupport support = enforcer->Probe();
//     if (!support.available) Complain(support.problem, support.fix);
//     VARMOR_RETURN_IF_ERROR(enforcer->Apply(artifacts));
//
// Whom a profile confines is another matter, and different for each: AppArmor and seccomp profiles
// are named when a program is started, BPF profiles are given to cgroups (bpf/bpf_enforcer.h).
#ifndef LIB_ENFORCERS_ENFORCER_H_
#define LIB_ENFORCERS_ENFORCER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/simulate/decide.h"
#include "proto/artifact.pb.h"

namespace varmor {

// Whether an enforcer works on this machine, with what this process may do.
struct EnforcerSupport {
  bool available = false;
  // When not available: what is missing, and what would make it available. One sentence each.
  std::string problem;
  std::string fix;
  // When available: what this kernel does not do, "user namespaces: needs Linux 6.1". Rules that
  // need it are not enforced.
  std::vector<std::string> limits;
};

// A rule that denies or audits what this kernel cannot.
struct UnenforcedRule {
  RuleOrigin rule;
  // "this kernel has no hook userns_create; Linux 6.1 does".
  std::string reason;
  // Some of what it is about is enforced; `reason` begins with what is not.
  bool in_part = false;
};

class Enforcer {
 public:
  virtual ~Enforcer() = default;

  // "AppArmor", "BPF", "Seccomp".
  virtual absl::string_view name() const = 0;

  // Asks the kernel, each time. Changes nothing that outlives the call.
  virtual EnforcerSupport Probe() = 0;

  // Where it is available: rules of its artifact in the set that this kernel does not enforce all
  // the same, in the artifact's order.
  virtual std::vector<UnenforcedRule> Unenforced(const ArtifactSet& /*artifacts*/) { return {}; }

  // Puts this enforcer's artifact of `artifacts` in force under its profile name, in place of the
  // profile of that name, for everybody whom that confines. All or nothing: after an error the
  // profile that was there before is in force. The same artifact again changes nothing.
  // INVALID_ARGUMENT when the set has no artifact for this enforcer or a damaged one,
  // FAILED_PRECONDITION when the kernel refuses, with its reason.
  virtual absl::Status Apply(const ArtifactSet& artifacts) = 0;

  // Takes out a profile that Apply put there. NOT_FOUND when there is none;
  // FAILED_PRECONDITION when somebody is still confined by it, or when it is not one of ours.
  virtual absl::Status Remove(absl::string_view profile) = 0;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_ENFORCER_H_
