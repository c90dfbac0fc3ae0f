// The BPF enforcer: programs on LSM hooks, profiles that they read, and the cgroups that those
// profiles confine.
//
//     BpfEnforcer enforcer({});
//     const EnforcerSupport support = enforcer.Probe();
//     if (!support.available) Complain(support.problem, support.fix);
//     VARMOR_RETURN_IF_ERROR(enforcer.Start().status());
//     VARMOR_RETURN_IF_ERROR(enforcer.Apply(artifacts));
//     BpfSubject subject;
//     subject.cgroup = CgroupIdOfPath("/sys/fs/cgroup/kubepods/pod1/c1").value();
//     subject.profile = artifacts.bpf->name();
//     VARMOR_RETURN_IF_ERROR(enforcer.Enroll(subject));
//
// Programs, maps and what is known about each profile are pinned in bpffs. They outlive this
// process and go on enforcing; the next one takes them over. Nothing is kept elsewhere. Any number
// of processes may use the same directory: each call takes its lock and looks at what is there.
//
// Not thread-safe, but a BpfEventReader (bpf_events.h) may run in another thread.
#ifndef LIB_ENFORCERS_BPF_BPF_ENFORCER_H_
#define LIB_ENFORCERS_BPF_BPF_ENFORCER_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/enforcers/bpf/bpf_calls.h"
#include "lib/enforcers/enforcer.h"
#include "proto/artifact.pb.h"

namespace varmor {

struct BpfEnforcerOptions {
  // In a bpffs; made when missing. Holds nothing but what this class makes.
  std::string directory = "/sys/fs/bpf/varmor";
  // Where cgroup v2 is mounted; "": the first such mount of this process.
  std::string cgroup_mount;
  // A file of the mount namespace in which container runtimes run.
  std::string host_mount_namespace = "/proc/1/ns/mnt";
  std::string partitions = "/proc/partitions";
  // Process that confined ones may neither signal nor trace; 0: as it is, or none.
  pid_t protected_process = 0;

  // Sizes of new maps; maps that are taken over keep theirs.
  uint32_t slots = 4096;
  uint32_t subjects = 65536;
  uint32_t events_bytes = 4 << 20;  // a power of two, whole pages

  enum class Variant { kBest, kBoundedLoops, kBpfLoop };
  Variant variant = Variant::kBest;
  // Load the programs that only tests run as well; they are pinned under test_programs/.
  bool test_programs = false;
  // For tests where LSM programs are not permitted: all but the programs. Nothing is enforced.
  bool maps_only = false;
  // For tests: another build of the programs than those in this binary; stays the caller's.
  absl::string_view programs;
};

struct BpfStartReport {
  // What was there already and fits, or was loaded now.
  bool adopted = false;
  // "v1-0123456789ab": ABI and digest of the programs; the directory's name.
  std::string version;
  // "bounded loops" or "bpf_loop".
  std::string variant;
  // Versions that were in force before and are removed now.
  std::vector<std::string> superseded;
  // Versions with another ABI. They go on enforcing what they have, beside the new programs, until
  // BpfEnforcer::DropOthers().
  std::vector<std::string> others;
  // "user namespaces: hook userns_create needs Linux 6.1", as in EnforcerSupport::limits.
  std::vector<std::string> limits;
  // Programs that should be attached and are not; Adopt only, since Start brings them back.
  std::vector<std::string> missing_programs;
  // What is not as it should be, or was worked around.
  std::vector<std::string> warnings;
};

// Whom a profile confines: whoever executes a program in the cgroup or below it, and all children.
struct BpfSubject {
  // Inode number of the cgroup's directory; cgroups.h.
  uint64_t cgroup = 0;
  std::string profile;
  // The pod's own addresses, IPv4 or IPv6, for rules about them.
  std::vector<std::string> addresses;
  // Executing in the host's mount namespace enters as well. Else such a process is the runtime.
  bool any_namespace = false;
};

struct BpfProfileState {
  std::string name;
  uint32_t number = 0;
  uint32_t slot = 0;
  std::string digest;
  bool complain = false;
  std::vector<RuleOrigin> rules;
  std::vector<HoleKind> holes;
  size_t subjects = 0;
  // Of the kernel, for all of the profile's maps.
  uint64_t memory_bytes = 0;
};

struct BpfProgramFacts {
  // "file_open"; the hook has the same name.
  std::string name;
  bool attached = false;
  uint32_t id = 0;
  uint64_t verified_instructions = 0;  // 0 before Linux 5.16
  uint64_t translated_bytes = 0;
  uint64_t machine_bytes = 0;
  // While /proc/sys/kernel/bpf_stats_enabled is 1.
  uint64_t runs = 0;
  uint64_t run_ns = 0;
};

struct BpfRuleHits {
  RuleOrigin rule;
  uint64_t hits = 0;
};

struct BpfDrops {
  // "capability", "file", "exec", "socket", "egress", "ptrace", "mount", "operation", "protection".
  std::string event_class;
  uint64_t events = 0;
};

class BpfEnforcer : public Enforcer {
 public:
  // `calls` has to outlive the enforcer; null: the system's.
  explicit BpfEnforcer(BpfEnforcerOptions options, BpfCalls* calls = nullptr);
  ~BpfEnforcer() override;

  absl::string_view name() const override { return "BPF"; }

  // Loads nothing. That programs which load and attach are also called is told by SelfTest().
  EnforcerSupport Probe() override;
  std::vector<UnenforcedRule> Unenforced(const ArtifactSet& artifacts) override;

  // Takes over what is pinned, or loads and attaches the programs. A crash at any point leaves in
  // force what was in force before; the next Start removes what is half made.
  //
  // Programs of another build take the place of those before without a gap and with the same maps.
  // After an error what was in force before is in force, unless the message begins with "version V
  // is in force": then V is, and the next Start finishes.
  //
  // FAILED_PRECONDITION: the kernel refuses, or the directory holds what is not ours; the message
  // names the step or the pin. INVALID_ARGUMENT for sizes in the options; INTERNAL with the
  // verifier's words; PERMISSION_DENIED, RESOURCE_EXHAUSTED, and DEADLINE_EXCEEDED for the lock.
  absl::StatusOr<BpfStartReport> Start();

  // Start, then SelfTest unless the version in force has passed it. After an error nothing is left,
  // but for what was in force before.
  absl::StatusOr<BpfStartReport> StartTested();

  // Takes over what is pinned, of whatever build; never loads. NOT_FOUND when there is nothing.
  absl::StatusOr<BpfStartReport> Adopt();

  // All that follow: FAILED_PRECONDITION before Start or Adopt.

  // See Enforcer. In force when it returns; the maps before go a little later, in a thread that the
  // next call and the destructor wait for. Fills the hole for disks from this node; artifacts have
  // to pass CheckBpfImage.
  absl::Status Apply(const ArtifactSet& artifacts) override;
  // Parallel to `artifacts`; each all or nothing. For many profiles faster than one by one, since
  // the kernel's grace periods overlap. INVALID_ARGUMENT for a name that an earlier one has.
  std::vector<absl::Status> ApplyAll(absl::Span<const BpfArtifact* const> artifacts);
  absl::Status Remove(absl::string_view profile) override;

  // Confines a cgroup; or gives a confined one another profile or other addresses, in one step.
  // Whether there is a cgroup of that number is not asked. INVALID_ARGUMENT for the root cgroup,
  // this process's cgroup, those above it, and addresses that are none; NOT_FOUND when there is no
  // such profile. After other errors nothing has changed, or the message says that the cgroup "has
  // the profile".
  absl::Status Enroll(const BpfSubject& subject);
  // Frees whoever is inside, wherever. NOT_FOUND when it is not confined.
  absl::Status Withdraw(uint64_t cgroup);
  // How many processes are inside each subject, by cgroup, wherever they have moved since; no entry
  // for none. Once a cgroup is gone and has no entry, nobody will ever be inside. Fails where this
  // process cannot see all others.
  absl::StatusOr<std::map<uint64_t, size_t>> Inside();

  // Sorted by cgroup.
  absl::StatusOr<std::vector<BpfSubject>> Subjects();
  // Sorted by name.
  absl::StatusOr<std::vector<BpfProfileState>> Profiles();
  // How often each rule was responsible since the profile was applied; by rule number.
  absl::StatusOr<std::vector<BpfRuleHits>> Hits(absl::string_view profile);
  // Events that found no room, by class, all CPUs together; all classes.
  absl::StatusOr<std::vector<BpfDrops>> Drops();
  absl::StatusOr<std::vector<BpfProgramFacts>> ProgramFacts();

  // Proves that the programs are called and deny: a child in a cgroup and a mount namespace of its
  // own, with a profile made for this, tries to open, execute, connect and use a capability.
  // FAILED_PRECONDITION says what was not denied, or denied though allowed, and why that can be.
  absl::Status SelfTest();

  // Removes versions with another ABI.
  absl::Status DropOthers();
  // Detaches and removes everything, whoever is confined. Needs no Start.
  absl::Status Uninstall();

  // For BpfEventReader and tests.
  struct Parts;
  Parts& parts() { return *parts_; }

 private:
  std::unique_ptr<Parts> parts_;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_BPF_ENFORCER_H_
