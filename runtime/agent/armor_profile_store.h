// The ArmorProfiles of the cluster, as policies for the agent. Pure: events in, policies out.
#ifndef RUNTIME_AGENT_ARMOR_PROFILE_STORE_H_
#define RUNTIME_AGENT_ARMOR_PROFILE_STORE_H_

#include <map>
#include <string>
#include <vector>

#include "runtime/agent/agent_policy.h"
#include "runtime/kube/informer.h"

namespace varmor {

class ArmorProfileStore {
 public:
  // What an event means for the agent.
  struct Change {
    // policies() is another one.
    bool policies = false;
    // Only the counter that asks agents to apply and report again: ArmorProfileKey; "" otherwise.
    std::string reapply;
  };
  Change Take(const InformerEvent& event);

  // By ArmorProfileKey. One that cannot be used has a problem: an object that is damaged or of
  // vArmor's own manager, a mode that is not supported, a name that another namespace has already.
  // A damaged one has the artifacts of the last time that it was good.
  std::vector<AgentPolicy> Policies() const;

  // Whether all that there was at the start is known.
  bool synced() const { return synced_; }

 private:
  struct Entry {
    AgentPolicy policy;
    std::string counter;
    // When it was created, by the API server's clock (RFC 3339, UTC), to tell who had a name first.
    std::string created;
  };

  static Entry Read(const Json& object);

  std::map<std::string, Entry> entries_;
  bool synced_ = false;
};

}  // namespace varmor

#endif  // RUNTIME_AGENT_ARMOR_PROFILE_STORE_H_
