// The agent's side of a cluster: ArmorProfiles come from the API server, reports go to the manager.
#ifndef RUNTIME_AGENT_CLUSTER_H_
#define RUNTIME_AGENT_CLUSTER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/agent/agent.h"
#include "runtime/agent/agent_flags.h"
#include "runtime/agent/agent_loop.h"
#include "runtime/agent/armor_profile_store.h"
#include "runtime/agent/manager_client.h"
#include "runtime/agent/manager_reporter.h"
#include "runtime/kube/informer.h"
#include "runtime/kube/kube_http_client.h"
#include "runtime/log/logger.h"

namespace varmor {

class Cluster {
 public:
  // What is referred to outlives it; `status` is asked in the reporter's thread.
  static absl::StatusOr<std::unique_ptr<Cluster>> Connect(const AgentFlags& flags, Agent& agent,
                                                          AgentLoop& loop, Logger& log,
                                                          std::function<AgentStatus()> status);
  ~Cluster();

  void Start();
  // In the loop's thread: what has come is given to the agent, what has changed to the reporter.
  void AfterStep();
  // Reports that were not delivered yet.
  size_t pending() { return reporter_->pending(); }
  // No event and no report comes after it.
  void Stop();

 private:
  Cluster(Agent& agent, AgentLoop& loop, Logger& log) : agent_(agent), loop_(loop), log_(log) {}
  void Take(InformerEvent event);

  Agent& agent_;
  AgentLoop& loop_;
  Logger& log_;
  // Of the loop's thread.
  ArmorProfileStore store_;
  bool changed_ = false;
  uint64_t reported_ = 0;

  std::unique_ptr<KubeHttpClient> client_;
  std::unique_ptr<Informer> informer_;
  std::unique_ptr<ManagerClient> manager_;
  std::unique_ptr<ManagerReporter> reporter_;
};

}  // namespace varmor

#endif  // RUNTIME_AGENT_CLUSTER_H_
