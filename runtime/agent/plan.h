// What an agent has to do so that the kernel holds what is wanted. Pure.
//
// Profiles come into force before containers are given to them, and go after nobody has them any
// more. What a policy's AppArmor and seccomp profiles still serve when the policy is gone is
// replaced by profiles that allow everything and stays under its name for as long as a container
// refers to it: taking an AppArmor profile out of the kernel would leave its processes in a state
// that no profile could confine again, and a container without its seccomp file cannot restart.
#ifndef RUNTIME_AGENT_PLAN_H_
#define RUNTIME_AGENT_PLAN_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace varmor {

enum class EnforcerKind { kAppArmor, kBpf, kSeccomp };
inline constexpr EnforcerKind kEnforcerKinds[] = {EnforcerKind::kAppArmor, EnforcerKind::kBpf,
                                                  EnforcerKind::kSeccomp};

// "AppArmor", "BPF", "Seccomp".
absl::string_view EnforcerName(EnforcerKind kind);

// The digest of profiles that allow everything, in LoadedProfile.
inline constexpr char kAllowAllDigest[] = "allow-all";

struct WantedProfile {
  std::string name;
  // Of what each of its enforcers is to be given.
  std::map<EnforcerKind, std::string> digests;
};

// A container to be confined by BPF.
struct WantedSubject {
  uint64_t cgroup = 0;
  std::string profile;
  // Sorted.
  std::vector<std::string> addresses;
};

struct AgentWanted {
  // Whether all policies and containers are known. Until then nothing is taken away.
  bool complete = false;
  // Names are unique.
  std::vector<WantedProfile> profiles;
  // Cgroups are unique.
  std::vector<WantedSubject> subjects;
  // Profiles of which it is not known what they should be: what is in force under these names
  // stays.
  std::set<std::string> undecided;
  // Profiles that containers refer to, running or not.
  std::set<std::string> referenced;
};

struct LoadedProfile {
  EnforcerKind enforcer = EnforcerKind::kAppArmor;
  std::string name;
  // Of what the enforcer was given; "" when that was before this agent's time.
  std::string digest;
  // False: somebody else changed it; `problem` says what is wrong.
  bool intact = true;
  std::string problem;
};

struct LoadedSubject {
  uint64_t cgroup = 0;
  std::string profile;
  std::vector<std::string> addresses;  // sorted
  bool cgroup_exists = true;
  // The cgroup is gone, but processes that left it before still run, confined.
  bool processes_left = false;
  // Made by `varmor run`, which takes it back itself.
  bool of_a_run = false;
};

struct AgentActual {
  std::set<EnforcerKind> available;
  std::vector<LoadedProfile> profiles;
  std::vector<LoadedSubject> subjects;
};

struct AgentAction {
  enum class Kind {
    kApply,     // give the enforcer the wanted profile
    kEnroll,    // confine the cgroup
    kWithdraw,  // confine it no more
    kRetire,    // give the enforcer a profile of that name that allows everything
    kRemove,    // take the profile out
  };
  Kind kind = Kind::kApply;
  EnforcerKind enforcer = EnforcerKind::kBpf;
  std::string profile;
  // kEnroll, kWithdraw.
  uint64_t cgroup = 0;
  // Of kApply: "new", "changed", or what somebody did to it.
  std::string reason;
  // Somebody else changed what we had loaded.
  bool tampered = false;

  // "apply BPF varmor-shop-web (changed)", "enroll 4711 in varmor-shop-web".
  std::string Text() const;
};

// In the order in which they are to be done; what one enforcer is given stands together. Names of
// profiles that belong to a `varmor run` are left alone. Unavailable enforcers get nothing to do.
std::vector<AgentAction> PlanAgent(const AgentWanted& wanted, const AgentActual& actual);

// "varmor-shop-web-run-01234567": a profile of `varmor run`.
bool IsProfileOfRun(absl::string_view name);

}  // namespace varmor

#endif  // RUNTIME_AGENT_PLAN_H_
