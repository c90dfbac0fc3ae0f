// Reads violations as they happen, finds out whose they are, counts and writes them. Has a thread
// of its own, so that a flood of violations does not delay containers and profiles.
#ifndef RUNTIME_AGENT_VIOLATION_AUDITOR_H_
#define RUNTIME_AGENT_VIOLATION_AUDITOR_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/compiler/simulate/decide.h"
#include "lib/enforcers/audit/audit_log.h"
#include "lib/enforcers/audit/audit_violation.h"
#include "lib/enforcers/bpf/bpf_events.h"
#include "runtime/agent/agent_policy.h"
#include "runtime/agent/audit_file.h"
#include "runtime/agent/violation_line.h"
#include "runtime/agent/violation_log.h"

namespace varmor {

struct AuditedContainer {
  ViolationSubject subject;
  // 0 and "" when cgroups are not known.
  uint64_t cgroup = 0;
  std::string cgroup_path;
  pid_t pid = 0;
  // Its first process is under the AppArmor profile.
  bool app_armor = false;
};

struct ViolationAuditorOptions {
  ViolationSettings settings;
  // Lines of one container and enforcer.
  double lines_per_second = 50;
  double lines_at_once = 200;
  // How long a container that ended is remembered: its last violations may still be on their way.
  absl::Duration remember = absl::Seconds(60);
  // How long a record waits for its container to become known, and how many of an enforcer wait at
  // most. Then it is written without one.
  absl::Duration hold_for = absl::Seconds(3);
  size_t hold_at_most = 256;
  absl::Duration summary_every = absl::Seconds(10);
  // Told what an operator should know, at most once in `summary_every`; null: nobody.
  std::function<void(const std::string& message)> warn;
};

// Counted, written or not.
struct ViolationCounts {
  struct Key {
    std::string enforcer;
    std::string action;
    PolicyIdentity policy;
    // Of the first responsible rule; "" when it is not known, as that of an audit record whose line
    // is suppressed: nobody looks for it.
    std::string rule;
    bool operator<(const Key& other) const { return Tie() < other.Tie(); }

   private:
    std::tuple<const std::string&, const std::string&, const std::string&, const std::string&,
               const std::string&, const std::string&>
    Tie() const {
      return std::tie(enforcer, action, policy.kind, policy.name_space, policy.name, rule);
    }
  };
  struct OfProfile {
    uint64_t denied = 0;
    uint64_t allowed = 0;
    absl::Time last;
  };
  std::map<Key, uint64_t> violations;
  // By profile name.
  std::map<std::string, OfProfile> profiles;
  // Not written: too many of one container.
  uint64_t suppressed = 0;
  // Not written: the log could not be, or nobody read standard output.
  uint64_t unwritten = 0;
  // "", or why the log cannot be written now.
  std::string log_problem;
  // "", or why BPF's events cannot be read now.
  std::string bpf_problem;
  // Records that could not be decoded.
  uint64_t bad_records = 0;
  // Of profiles that seem to be an agent's, before any policies were known: nobody could say whose.
  uint64_t early = 0;
  // Of seccomp, whose process had ended before its record was read, and nothing said whose it was:
  // perhaps not a container's.
  uint64_t unattributed = 0;
  // Written without a container: it did not become known in time, or too many waited for theirs.
  uint64_t container_unknown = 0;
  uint64_t too_many_waiting = 0;
  // How often the kernel dropped audit records.
  uint64_t audit_overruns = 0;
  // Of BPF events that were overwritten before they were read: another reader of the ring was
  // faster by more than its size.
  uint64_t bpf_lost_bytes = 0;
};

class ViolationAuditor {
 public:
  // `log` has to outlive this.
  ViolationAuditor(ViolationAuditorOptions options, ViolationLog& log);
  ~ViolationAuditor();

  // Thread-safe, all of them.
  void PutContainer(AuditedContainer container);
  void DropContainer(const ContainerId& id);
  void PutProfile(const std::string& profile, const PolicyIdentity& policy,
                  const PackedArtifacts& artifacts);
  // All profiles that there are now were put.
  void ProfilesAreKnown();
  // Its series go.
  void DropProfile(const std::string& profile);
  // Takes the place of the source before, soon; null for none.
  void SetBpf(std::unique_ptr<BpfEventReader> reader);
  void SetAudit(std::unique_ptr<AuditLog> log);
  void SetAuditFile(std::unique_ptr<AuditFile> file);
  ViolationCounts Counts();
  size_t containers();

  void Start();
  void Stop();

  // What the thread does with each; tests call them.
  void Handle(BpfViolation violation, absl::Time now);
  void HandleRecord(const std::string& record, absl::Time now);
  void HandleBadRecord();
  void HandleLoss(uint64_t bytes);
  // Writes what waited for its container and need not any more, with `all` everything.
  void WriteHeld(absl::Time now, bool all = false);
  // Lines about what was suppressed; forgets containers that ended long ago.
  void Summarise(absl::Time now);

 private:
  struct Known {
    AuditedContainer container;
    std::optional<absl::Time> ended;
  };
  struct Profile {
    PolicyIdentity policy;
    PackedArtifacts artifacts;
  };

  // Where a process was when its record came.
  struct Place {
    pid_t pid = 0;
    bool alive = false;
    std::string cgroup_path;  // "": not known
    ino_t mount_namespace = 0;
  };

  // A violation on its way to the log.
  struct Record {
    absl::Time seen;
    std::string profile;  // without a child's name; "": of seccomp, and not known
    Profile of;
    std::variant<BpfViolation, AuditViolation> violation;
    Place place;  // of audit records
  };
  // One that waits no more.
  struct Due {
    Record record;
    std::optional<ViolationSubject> container;
    // It would wait if there were room.
    bool too_many = false;
  };

  // What a profile's AppArmor and seccomp artifacts say; loading it takes milliseconds.
  struct Loaded {
    ArmorProfileArtifacts artifacts;
    std::optional<Simulator> simulator;
    std::map<EnforcerKind, std::string> digests;
    absl::Time used;
  };

  void Run();
  void TakeSources();
  void ReadSources();
  // Without the lock. Has it written, or held.
  void Take(const std::string& enforcer, Record record, absl::Time now);
  void Settle(const std::string& enforcer, Due due, absl::Time now);
  static Place PlaceOf(pid_t pid);
  // Without the lock: only who handles records uses what is loaded.
  void NameRulesOf(const PackedArtifacts& artifacts, AuditViolation& violation, absl::Time now);
  // All that follow need the lock.
  // Whether a profile is one of the agent's.
  bool IsOurs(const std::string& profile);
  const AuditedContainer* ByCgroup(uint64_t cgroup) const;
  const AuditedContainer* ByPlace(const Place& place, absl::Time now);
  // Those that run under the AppArmor profile.
  std::vector<const AuditedContainer*> Under(const std::string& profile) const;
  // Whose it is; null when that is not known. `waits`: whether it may become known.
  const AuditedContainer* Find(const Record& record, bool& waits);
  // Takes from what is held what is known now or has waited for long enough, all of it with `all`.
  void Release(const std::string& enforcer, absl::Time now, bool all, std::vector<Due>& due);
  // Whether one more line may be written.
  bool TakeRate(const std::string& enforcer, const ViolationSubject& subject, absl::Time now);
  void Count(const std::string& enforcer, const std::string& action, const std::string& rule,
             const ViolationSubject& subject, absl::Time now);
  // Without the lock: writing may take its time.
  void Write(const std::string& line);

  const ViolationAuditorOptions options_;
  ViolationLog& log_;

  std::mutex mutex_;
  std::map<ContainerId, Known> containers_;
  // By enforcer, oldest first, and what containers there were when they were last looked at.
  struct Held {
    std::deque<Record> records;
    uint64_t looked_at = 0;
  };
  std::map<std::string, Held> held_;
  // Another number when there may be other containers.
  uint64_t containers_changes_ = 0;
  std::map<std::string, Profile> profiles_;
  bool profiles_known_ = false;
  // Processes seen lately, which may have ended since.
  std::map<pid_t, std::pair<ContainerId, absl::Time>> processes_;
  ViolationRate rate_;
  std::map<std::string, std::pair<std::string, ViolationSubject>> suppressed_;
  ViolationCounts counts_;
  uint64_t lost_bytes_told_ = 0;
  uint64_t lost_lines_told_ = 0;
  // By profile, the ones asked last. Only of the thread that handles records.
  std::map<std::string, Loaded> loaded_;

  // What the thread is to read from next.
  struct Sources {
    std::optional<std::unique_ptr<BpfEventReader>> bpf;
    std::optional<std::unique_ptr<AuditLog>> audit;
    std::optional<std::unique_ptr<AuditFile>> audit_file;
  };
  std::mutex sources_mutex_;
  Sources next_;

  // Of the thread alone.
  std::unique_ptr<BpfEventReader> bpf_;
  uint64_t bpf_lost_seen_ = 0;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<AuditFile> audit_file_;
  uint64_t too_long_seen_ = 0;

  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace varmor

#endif  // RUNTIME_AGENT_VIOLATION_AUDITOR_H_
