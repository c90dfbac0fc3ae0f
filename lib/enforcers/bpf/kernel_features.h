// What the running kernel offers to the BPF enforcer. Reads files only; loads nothing.
#ifndef LIB_ENFORCERS_BPF_KERNEL_FEATURES_H_
#define LIB_ENFORCERS_BPF_KERNEL_FEATURES_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/enforcers/enforcer.h"
#include "proto/artifact.pb.h"

namespace varmor {

struct KernelFeatures {
  // "6.1.0-18-amd64".
  std::string release;
  int major = 0;
  int minor = 0;
  // A task that runs kernel code can be displaced by another: preempt=full, PREEMPT_RT.
  bool preemptible = false;
  bool root = false;
  // CAP_SYS_ADMIN is in force for this thread.
  bool may_load = false;
  // /sys/kernel/btf/vmlinux can be read.
  bool btf = false;
  // "bpf" is among the active LSMs. `lsms` is the list, "" when it cannot be read.
  bool lsm_active = false;
  std::string lsms;
  // securityfs is not mounted, so the list is not known.
  bool lsms_unknown = false;
  bool bpffs = false;
  std::string cgroup_mount;    // "": cgroup v2 is not mounted
  std::string cgroup_problem;  // then why, and what helps: of FindCgroupMount
  // RESOURCE_EXHAUSTED when something of this could not be read for want of open files or memory.
  absl::Status unread;

  // From the kernel's BTF.
  std::set<std::string> hooks;    // "file_open"
  std::set<std::string> helpers;  // "loop", "task_storage_get"
  int path_rename_arguments = 0;

  bool HasHook(const std::string& hook) const { return hooks.count(hook) > 0; }
  bool HasHelper(const std::string& helper) const { return helpers.count(helper) > 0; }
  bool AtLeast(int want_major, int want_minor) const {
    return major > want_major || (major == want_major && minor >= want_minor);
  }
  // Task storage is there, and answers at any time. Before 6.2 it does not where the task that uses
  // it on a CPU was displaced: bpf_task_storage_trylock() of kernel/bpf/bpf_task_storage.c.
  bool HasTaskStorage() const {
    return HasHelper("task_storage_get") && (AtLeast(6, 2) || !preemptible);
  }
};

struct KernelFiles {
  std::string btf = "/sys/kernel/btf/vmlinux";
  std::string lsms = "/sys/kernel/security/lsm";
  std::string mountinfo = "/proc/self/mountinfo";
  std::string command_line = "/proc/cmdline";
};

// `directory`: where the enforcer pins, which need not exist.
KernelFeatures ReadKernelFeatures(const std::string& directory, const KernelFiles& files = {});

// "6.1.0-18-amd64": 6 and 1. False for what does not begin so.
bool ParseRelease(absl::string_view release, int& major, int& minor);

// `version` is uname's, "#1 SMP PREEMPT_DYNAMIC Debian 6.1.174-1", and `command_line` the kernel's.
// A dynamic kernel that is told nothing is taken for one that is not preemptible, which Debian's
// are; what is written to /sys/kernel/debug/sched/preempt later is not seen.
bool IsPreemptible(absl::string_view version, absl::string_view command_line);

// What stands in the way, the most basic first; and what this kernel does without.
EnforcerSupport SupportOf(const KernelFeatures& features, const std::string& directory);

// Hooks without which nothing is confined.
const std::vector<std::string>& EssentialHooks();
// "creating user namespaces: this kernel has no hook userns_create; Linux 6.1 does", for each hook
// that the kernel lacks, and for task storage that is not used.
std::vector<std::string> LimitsOf(const KernelFeatures& features);

// Rules that deny or audit what the kernel has no hook for, in the artifact's order; one that lacks
// several hooks as often.
std::vector<UnenforcedRule> UnenforcedRules(const BpfArtifact& artifact,
                                            const KernelFeatures& features);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_KERNEL_FEATURES_H_
