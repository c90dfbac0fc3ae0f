// Which rules of a policy this node's kernel does not enforce, for people.
#ifndef RUNTIME_AGENT_UNENFORCED_H_
#define RUNTIME_AGENT_UNENFORCED_H_

#include <map>
#include <string>
#include <vector>

#include "lib/enforcers/enforcer.h"
#include "proto/armor_profile.pb.h"
#include "runtime/agent/plan.h"

namespace varmor {

// Each once, in the order of the enforcers and their rules:
// "BPF: disallow-create-user-ns (this kernel has no hook userns_create; Linux 6.1 does)".
struct UnenforcedTexts {
  std::vector<std::string> whole;
  // Something of the rule is enforced.
  std::vector<std::string> in_part;

  bool empty() const { return whole.empty() && in_part.empty(); }
};

// In one list: "in part: ..." for the second.
std::vector<std::string> AllTexts(const UnenforcedTexts& texts);

// `unenforced` has what Enforcer::Unenforced says of the artifacts, for each enforcer that this
// node has. A built-in rule that another one of them enforces is left out.
UnenforcedTexts TextsOfUnenforced(
    const ArmorProfileArtifacts& artifacts,
    const std::map<EnforcerKind, std::vector<UnenforcedRule>>& unenforced);

}  // namespace varmor

#endif  // RUNTIME_AGENT_UNENFORCED_H_
