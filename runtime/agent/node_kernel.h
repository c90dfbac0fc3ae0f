// The kernel of this node as the agent sees it: three enforcers, and facts about processes.
#ifndef RUNTIME_AGENT_NODE_KERNEL_H_
#define RUNTIME_AGENT_NODE_KERNEL_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/enforcers/apparmor/app_armor_enforcer.h"
#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "lib/enforcers/enforcer.h"
#include "lib/enforcers/seccomp/seccomp_enforcer.h"
#include "proto/armor_profile.pb.h"
#include "runtime/agent/plan.h"

namespace varmor {

struct ProcessFacts {
  // When it began, in the kernel's ticks: with the pid, no other process has it.
  uint64_t start = 0;
  // The container's cgroup of version 2: number, and path below the mount.
  uint64_t cgroup = 0;
  std::string cgroup_path;
  // It is the one of the name that was asked for.
  bool cgroup_named = false;
  // Inode number of its mount namespace.
  uint64_t mount_namespace = 0;
  // "varmor-shop-web (enforce)", "unconfined"; "" where there is no AppArmor.
  std::string app_armor_label;
  // Some seccomp filter is on it.
  bool seccomp_filter = false;
  // It looks as if it were still the container runtime's, before anything of the container's was
  // executed. A program can make itself look like that: ask the runtime as well.
  bool waits = false;
};

// The part of a cgroup's path that ends with the first cgroup called `name`; all of it when there
// is none.
std::string CutCgroupPath(const std::string& path, const std::string& name);

// What an enforcer is given; `digest` stands for it, and Loaded says it again.
struct ProfileToApply {
  ArmorProfileArtifacts artifacts;
  std::string digest;
};

class NodeKernel {
 public:
  virtual ~NodeKernel() = default;

  // Whether an enforcer can be used here; asks anew each time.
  virtual EnforcerSupport Probe(EnforcerKind kind) = 0;

  // Makes an available enforcer ready. `warnings` gets what is odd.
  virtual absl::Status Start(EnforcerKind kind, std::vector<std::string>& warnings) = 0;

  // See Enforcer::Unenforced.
  virtual std::vector<UnenforcedRule> Unenforced(EnforcerKind kind,
                                                 const ArmorProfileArtifacts& artifacts) = 0;

  // Builds of the BPF programs with another ABI that were there when BPF was started. They go on
  // denying what they denied, beside ours, until DropOtherBuilds. FAILED_PRECONDITION while a
  // `varmor run` may be confined by one of them alone.
  virtual std::vector<std::string> OtherBuilds() = 0;
  virtual absl::Status DropOtherBuilds() = 0;

  // See Enforcer::Apply; several at once, which is faster than one by one. Parallel to `profiles`,
  // whose names are unique; each is all or nothing, and what is wrong with one stops no other.
  virtual std::vector<absl::Status> ApplyAll(EnforcerKind kind,
                                             const std::vector<ProfileToApply>& profiles) = 0;
  // NOT_FOUND when it is gone already, FAILED_PRECONDITION when somebody is still confined by it.
  virtual absl::Status Remove(EnforcerKind kind, const std::string& profile) = 0;

  // The profiles that we put there, compared with what is there. For BPF FAILED_PRECONDITION also
  // when programs are not attached any more: Start again.
  virtual absl::StatusOr<std::vector<LoadedProfile>> Loaded(EnforcerKind kind) = 0;

  virtual absl::Status Enroll(const BpfSubject& subject) = 0;
  virtual absl::Status Withdraw(uint64_t cgroup) = 0;
  virtual absl::StatusOr<std::vector<LoadedSubject>> Subjects() = 0;

  // NOT_FOUND when it ended. The container's cgroup is the one called `cgroup_name` that the
  // process is in or below; the process's own when there is none of that name, or the name is "".
  virtual absl::StatusOr<ProcessFacts> Process(pid_t pid, const std::string& cgroup_name) = 0;
  // NOT_FOUND when it ended: another one with its pid that began at another time is left alone.
  // `start` 0 when that is not known.
  virtual absl::Status Kill(pid_t pid, uint64_t start) = 0;
};

struct NodeKernelOptions {
  bool app_armor = true;
  bool bpf = true;
  bool seccomp = true;
  AppArmorOptions app_armor_options;
  BpfEnforcerOptions bpf_options;
  SeccompOptions seccomp_options;
};

class EnforcersKernel : public NodeKernel {
 public:
  explicit EnforcersKernel(NodeKernelOptions options);
  ~EnforcersKernel() override;

  EnforcerSupport Probe(EnforcerKind kind) override;
  absl::Status Start(EnforcerKind kind, std::vector<std::string>& warnings) override;
  std::vector<UnenforcedRule> Unenforced(EnforcerKind kind,
                                         const ArmorProfileArtifacts& artifacts) override;
  std::vector<std::string> OtherBuilds() override { return other_builds_; }
  absl::Status DropOtherBuilds() override;
  std::vector<absl::Status> ApplyAll(EnforcerKind kind,
                                     const std::vector<ProfileToApply>& profiles) override;
  absl::Status Remove(EnforcerKind kind, const std::string& profile) override;
  absl::StatusOr<std::vector<LoadedProfile>> Loaded(EnforcerKind kind) override;
  absl::Status Enroll(const BpfSubject& subject) override;
  absl::Status Withdraw(uint64_t cgroup) override;
  absl::StatusOr<std::vector<LoadedSubject>> Subjects() override;
  absl::StatusOr<ProcessFacts> Process(pid_t pid, const std::string& cgroup_name) override;
  absl::Status Kill(pid_t pid, uint64_t start) override;

  // For readers of events and counters; another one after each Start. Null before.
  BpfEnforcer* bpf() { return bpf_started_ ? bpf_.get() : nullptr; }

 private:
  Enforcer& Get(EnforcerKind kind);
  std::vector<absl::Status> Give(EnforcerKind kind, const std::vector<ArtifactSet>& sets);
  // Loads or takes over, and learns which programs are attached.
  absl::Status StartBpf(std::vector<std::string>& warnings);
  // "" when all programs are attached that ever were.
  absl::StatusOr<std::string> DetachedProgram();
  absl::StatusOr<std::vector<LoadedProfile>> LoadedAppArmor();
  absl::StatusOr<std::vector<LoadedProfile>> LoadedBpf();
  absl::StatusOr<std::vector<LoadedProfile>> LoadedSeccomp();

  NodeKernelOptions options_;
  AppArmorEnforcer app_armor_;
  SeccompEnforcer seccomp_;
  std::unique_ptr<BpfEnforcer> bpf_;
  bool bpf_started_ = false;
  std::string cgroup_mount_;
  std::set<std::string> bpf_programs_;
  std::vector<std::string> other_builds_;

  // What was given under a name, and what that was in the kernel.
  struct Given {
    std::string digest;
    std::string in_kernel;
  };
  std::map<std::pair<EnforcerKind, std::string>, Given> given_;
};

}  // namespace varmor

#endif  // RUNTIME_AGENT_NODE_KERNEL_H_
