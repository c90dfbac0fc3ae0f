// The agent: keeps track of policies and containers, asks the plan what to do, and does it.
//
// All of it is called in one thread; agent_loop.h has that thread.
#ifndef RUNTIME_AGENT_AGENT_H_
#define RUNTIME_AGENT_AGENT_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "runtime/agent/agent_policy.h"
#include "runtime/agent/agent_status.h"
#include "runtime/agent/node_kernel.h"
#include "runtime/agent/plan.h"
#include "runtime/agent/seen_profiles.h"
#include "runtime/agent/unenforced.h"
#include "runtime/agent/violation_auditor.h"
#include "runtime/container/container_runtime.h"
#include "runtime/log/logger.h"

namespace varmor {

struct AgentOptions {
  std::string node;
  // Annotations say which profile a container has (match_container.h); else the targets of
  // policies.
  bool in_cluster = false;
  // Containers that are started while the agent runs and cannot be confined by BPF as their policy
  // says are killed.
  bool fail_closed = false;
  // A file for what SeenProfiles keeps; "": memory alone.
  std::string seen_profiles;
};

class Agent {
 public:
  // What is referred to has to outlive the agent.
  Agent(AgentOptions options, ContainerRuntime& runtime, NodeKernel& kernel,
        ViolationAuditor& auditor, Logger& log);

  // Asks what the node offers and takes over what an earlier agent left. FAILED_PRECONDITION when
  // no enforcer can be used, with the reason for each.
  absl::Status Start();

  // The policies, all of them, what is wrong with their sources, and whether that is all there is:
  // until then nothing in force is removed.
  void SetPolicies(std::vector<AgentPolicy> policies, std::map<std::string, std::string> problems,
                   bool complete);

  // Lists all containers. UNAVAILABLE when the runtime does not answer: what was known stays.
  absl::Status Resync();
  // False when the runtime does not answer what has to be asked: all containers are to be listed.
  bool OnEvent(const ContainerEvent& event);
  // A container whose program waits to be executed, by its first process; 0: the one that events
  // told. OK when it is confined as its policy says, or no policy is about it; UNAVAILABLE while
  // that is not known.
  absl::Status EnrollNow(const ContainerId& id, pid_t pid);
  // Whether the runtime starts no container of a pod before EnrollNow was asked about it. What
  // waits is not killed then: whoever asks refuses it, or it starts and is looked at again.
  void SetStartsHeld(bool held) { starts_held_ = held; }

  // Compares the kernel with what should be there, repairs, and tries again what failed.
  void Check();
  // Applies a policy again and reports it, by "NAMESPACE/NAME" of its ArmorProfile.
  void Reapply(const std::string& profile_key);

  // What the loop knows.
  void SetWatching(bool watching, const std::string& problem);
  void CountOverflow() { ++totals_.queue_overflows; }
  void SetAuditProblem(const std::string& problem) { totals_.audit_problem = problem; }
  // What is wrong with the place that policies come from; "": nothing. What was known stays.
  void SetSourceProblem(const std::string& source, const std::string& problem);

  // Whether something was learned that only a list of all containers can tell; once.
  bool TakeResyncRequest() { return std::exchange(wants_resync_, false); }

  // Policies and containers are known, and were acted upon.
  bool ready() const { return policies_known_ && containers_known_; }
  // Why a probe of readiness is to fail: the above, or nobody tells of new containers. "": it is
  // not.
  std::string NotReady() const;
  // Another number whenever Policies() may have changed.
  uint64_t changes() const { return changes_; }
  // Without the counts of the auditor and of the BPF ring. By profile key in the cluster.
  std::vector<PolicyStatus> Policies() const;
  AgentStatus Status() const;
  // How often the BPF programs were started: readers of their events open them anew then.
  int bpf_starts() const { return bpf_starts_; }
  // When Check has something to try again; infinite future when not.
  absl::Time next_retry() const;

  // At the end: takes AppArmor profiles, seccomp files or everything of BPF out of the node.
  void UnloadAll(EnforcerKind kind);

 private:
  struct Known {
    Container container;
    // Of its first process. The cgroup is the one that was found first, unless a better one has the
    // container's name: processes move, the container's cgroup does not.
    std::optional<ProcessFacts> facts;
    // The process is over, and no event has told yet.
    bool ended = false;
    // Its program was executed.
    bool started = false;
    // An event told that its process ended.
    bool exited = false;
    // The profile its policy has; "" for none.
    std::string profile;
    // BPF is wanted for it.
    bool bpf = false;
    // In the cluster: BPF is wanted, and the profile is not on this node.
    bool bpf_missing = false;
    // Profiles it ever had: they are kept for it.
    std::set<std::string> used;
    std::vector<std::string> problems;
    // Its creation was seen; else it was found.
    std::optional<absl::Time> created;
    // fail_closed has looked at it, or it is from before this agent.
    bool judged = false;
    std::string enrolled;
    std::string enroll_problem;
    std::string process_problem;
  };
  struct Failure {
    std::string message;
    int times = 0;
    absl::Time next = absl::InfinitePast();
  };

  // What this kernel does not enforce of a policy, and for what that was found out.
  struct Unenforced {
    std::map<EnforcerKind, std::string> digests;
    std::set<EnforcerKind> available;
    UnenforcedTexts texts;
  };

  // `is_new`: it was started while this agent runs.
  Known& Track(Container container, std::optional<absl::Time> created, bool is_new);
  void Forget(const ContainerId& id);
  bool TakeProcessEvent(const ContainerEvent& event);
  void LookAtProcess(Known& known);
  // Whether its first process still is.
  bool Lives(const Known& known);
  void NoteGoneProfiles();
  void NoteSeenProfiles(const AgentWanted& wanted);
  bool IsGone(const std::string& profile) const { return gone_profiles_.count(profile) > 0; }
  void Choose(Known& known);
  void ChooseAll();
  void TellAuditor(const Known& known);

  AgentWanted Wanted() const;
  void Reconcile();
  // Does one that gives no profile.
  absl::Status Do(const AgentAction& action);
  // Gives one enforcer the profiles of `actions`; parallel to them.
  std::vector<absl::Status> Give(absl::Span<const AgentAction* const> actions);
  absl::StatusOr<ProfileToApply> ToApply(const AgentAction& action) const;
  absl::Status EnrollAction(const AgentAction& action);
  void NoteEnrolled(Known& known);
  void Succeeded(const AgentAction& action);
  void Failed(const AgentAction& action, const absl::Status& status);
  // The next try, later each time.
  static void PutOff(Failure& failure);
  void JudgeNew();
  void NoteUnenforced();
  // Ends what builds of the BPF programs with another ABI enforce, once ours does all of it.
  void FinishTakeover(const AgentWanted& wanted);
  // Why it does not yet; "": it does.
  std::string TakeoverProblem(const AgentWanted& wanted) const;

  void ReadKernel();
  void ReadProfiles(EnforcerKind kind, bool alarm);
  void StartEnforcer(EnforcerKind kind);
  void Alarm(EnforcerKind kind, const std::string& what);

  const AgentPolicy* PolicyOf(const std::string& profile) const;
  LoadedProfile* FindLoaded(EnforcerKind kind, const std::string& profile);
  std::string StateOf(const AgentPolicy& policy, EnforcerKind kind) const;
  std::string EnforcerStateOf(const Known& known, EnforcerKind kind) const;

  const AgentOptions options_;
  ContainerRuntime& runtime_;
  NodeKernel& kernel_;
  ViolationAuditor& auditor_;
  Logger& log_;

  std::vector<AgentPolicy> policies_;
  std::map<std::string, std::string> problems_;
  std::map<std::string, std::string> source_problems_;
  uint64_t changes_ = 0;
  bool policies_complete_ = false;
  bool policies_known_ = false;
  bool containers_known_ = false;
  // All containers were listed once.
  bool listed_ = false;
  bool wants_resync_ = false;
  bool starts_held_ = false;
  std::map<ContainerId, Known> containers_;
  // What profiles there were on this node, before this agent too.
  SeenProfiles seen_;
  std::string seen_problem_;
  // In the cluster: profiles whose policies are over, though containers may still name them.
  std::set<std::string> gone_profiles_;
  bool gone_noted_ = false;
  AgentActual actual_;
  std::map<EnforcerKind, EnforcerSupport> support_;
  std::map<std::string, Failure> failures_;
  // By profile; those of which all is enforced as well.
  std::map<std::string, Unenforced> unenforced_;
  // What keeps other builds of the BPF programs in force.
  Failure takeover_;
  // Profiles that this agent has put into force, to see what others take away.
  std::set<std::pair<EnforcerKind, std::string>> applied_;
  int bpf_starts_ = 0;
  // Counters and the like.
  AgentStatus totals_;
};

}  // namespace varmor

#endif  // RUNTIME_AGENT_AGENT_H_
