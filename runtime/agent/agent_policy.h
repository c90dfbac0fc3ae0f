// One policy as the agent has it, from whichever source.
#ifndef RUNTIME_AGENT_AGENT_POLICY_H_
#define RUNTIME_AGENT_AGENT_POLICY_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/armor_profile.pb.h"
#include "proto/policy.pb.h"
#include "runtime/agent/plan.h"

namespace varmor {

// As in violations.
struct PolicyIdentity {
  // "VarmorPolicy", "VarmorClusterPolicy"; "" when it is not known.
  std::string kind;
  std::string name;
  // "" for cluster policies.
  std::string name_space;
};

// The artifacts of one policy, packed: most of the time nobody asks for them. Copies share them.
class PackedArtifacts {
 public:
  PackedArtifacts() = default;
  explicit PackedArtifacts(const ArmorProfileArtifacts& artifacts);

  ArmorProfileArtifacts Unpack() const;
  // Of each artifact that there is, over all of it.
  const std::map<EnforcerKind, std::string>& digests() const { return digests_; }

 private:
  std::shared_ptr<const std::string> gzip_;
  std::map<EnforcerKind, std::string> digests_;
};

struct AgentPolicy {
  // Where it comes from: a file, or "NAMESPACE/NAME" of its ArmorProfile.
  std::string source;
  PolicyIdentity identity;
  // In the cluster, of the ArmorProfile.
  std::string profile_namespace;
  std::string profile;
  std::string revision;
  // The policy is going: nothing of it is wanted any more.
  bool retiring = false;
  PackedArtifacts artifacts;
  // Which containers; alone only, see match_container.h.
  Target target;
  // What a user should know: warnings of the compiler.
  std::vector<std::string> warnings;
  // "", or why nothing of it can be used. If there are artifacts, they are the last good ones, and
  // stay in force.
  std::string problem;
  // What it says cannot be read: with `problem`. Whatever its profile has in the kernel stays.
  bool damaged = false;

  bool usable() const { return !retiring && (problem.empty() || !artifacts.digests().empty()); }
};

// The profile that allows everything, under a profile's name, for one enforcer (not BPF).
absl::StatusOr<ArmorProfileArtifacts> AllowAllArtifacts(EnforcerKind enforcer,
                                                        const std::string& profile);

}  // namespace varmor

#endif  // RUNTIME_AGENT_AGENT_POLICY_H_
