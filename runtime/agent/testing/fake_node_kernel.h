// A node's kernel that does what a test says. What the real one does is told by the guest's suite
// "agent".
#ifndef RUNTIME_AGENT_TESTING_FAKE_NODE_KERNEL_H_
#define RUNTIME_AGENT_TESTING_FAKE_NODE_KERNEL_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/agent/node_kernel.h"

namespace varmor {

class FakeNodeKernel : public NodeKernel {
 public:
  using Key = std::pair<EnforcerKind, std::string>;

  EnforcerSupport Probe(EnforcerKind kind) override;
  absl::Status Start(EnforcerKind kind, std::vector<std::string>& warnings) override;
  std::vector<UnenforcedRule> Unenforced(EnforcerKind kind,
                                         const ArmorProfileArtifacts& artifacts) override;
  std::vector<std::string> OtherBuilds() override { return other_builds; }
  absl::Status DropOtherBuilds() override;
  std::vector<absl::Status> ApplyAll(EnforcerKind kind,
                                     const std::vector<ProfileToApply>& to_apply) override;
  absl::Status Remove(EnforcerKind kind, const std::string& profile) override;
  absl::StatusOr<std::vector<LoadedProfile>> Loaded(EnforcerKind kind) override;
  absl::Status Enroll(const BpfSubject& subject) override;
  absl::Status Withdraw(uint64_t cgroup) override;
  absl::StatusOr<std::vector<LoadedSubject>> Subjects() override;
  absl::StatusOr<ProcessFacts> Process(pid_t pid, const std::string& cgroup_name) override;
  absl::Status Kill(pid_t pid, uint64_t start) override;

  std::set<EnforcerKind> missing;
  std::map<Key, LoadedProfile> profiles;
  std::map<uint64_t, LoadedSubject> subjects;
  std::map<pid_t, ProcessFacts> processes;
  std::set<pid_t> killed;
  // Of Process, for all of them.
  absl::Status process_failure;
  // Answers of ApplyAll and Enroll, by profile.
  std::map<Key, absl::Status> refusals;
  // Of Loaded(kBpf), once.
  absl::Status detached;
  // Rules that this kernel lacks, by their names.
  std::map<EnforcerKind, std::set<std::string>> unenforced;
  std::vector<std::string> other_builds;
  // Of DropOtherBuilds.
  absl::Status drop_refusal;
  // How often an enforcer was given profiles.
  std::map<EnforcerKind, int> apply_calls;
  // What was done: "apply BPF varmor-a", "enroll 7 in varmor-a", ...
  std::vector<std::string> done;
};

}  // namespace varmor

#endif  // RUNTIME_AGENT_TESTING_FAKE_NODE_KERNEL_H_
