// The newest that every node reported about every ArmorProfile, and who has to be told when that
// changes. Thread-safe.
#ifndef RUNTIME_MANAGER_REPORT_STORE_H_
#define RUNTIME_MANAGER_REPORT_STORE_H_

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "runtime/kube/mutex.h"
#include "runtime/manager/status.h"
#include "runtime/protocol/node_report.h"

namespace varmor {

// Of the reports about a profile's revision.
struct ReportTotals {
  int loaded = 0;
  int failed = 0;
};

// Keys are ArmorProfileKeys. Reports about profiles that nobody set are dropped, so that memory is
// bounded by profiles times nodes.
class ReportStore {
 public:
  // What a report changed: `before` and `after` tell whether it is worth looking at once.
  using Changed = std::function<void(const std::string& key, const ReportTotals& before,
                                     const ReportTotals& after)>;

  // `changed` is called without a lock held, in the thread that brought the news.
  explicit ReportStore(Changed changed, std::function<absl::Time()> clock = absl::Now);

  // The profile exists in this revision. Reports that name none are about the revision before.
  // `uid` is that of the object, "" while it is being created: reports about one before it are
  // forgotten.
  void SetProfile(const std::string& key, const std::string& revision, const std::string& uid);
  // That object is gone; nothing happens when another one has taken its place.
  void RemoveProfile(const std::string& key, const std::string& uid);
  // The node has no agent any more.
  void RemoveNode(const std::string& node);

  // Forgets what nodes said about profiles whose last NodeReport is from before `time`: their
  // agents are Running by name, but do not get that far. Nodes that never sent one (vArmor's own
  // agents) keep theirs.
  void Expire(absl::Time time);

  void Add(const ProfileStatus& status);
  // Everything that the node knows: what it does not list, it does not have. Returns the profiles
  // that it should apply and report again, sorted: those it lacks, or has in another revision. One
  // that lists nothing is of an agent that knows nothing yet: it changes nothing, and what the node
  // said before it expires as if there had been no report.
  std::vector<std::string> Add(const NodeReport& report);

  ProfileReports Get(const std::string& key) const;
  // Of the nodes' last reports, summed up.
  NodeViolations Violations(const std::string& key) const;

 private:
  struct Profile {
    std::string uid;
    std::string revision;
    ProfileReports reports;
    ReportTotals totals;
    std::map<std::string, NodeViolations> violations;  // by node
  };
  struct Change {
    std::string key;
    ReportTotals before, after;
  };

  // Puts the node's report in the place of the one before; null: takes it out. Appends to `changes`
  // when something changed.
  static void Replace(const std::string& key, Profile& profile, const std::string& node,
                      const NodeProfile* report, std::vector<Change>& changes);
  // Whether something changed.
  static bool StoreViolations(const NodeReport& report, const std::string& key, Profile& profile);
  void Tell(const std::vector<Change>& changes);

  // With the lock held.
  void ForgetReports(const std::string& node, std::vector<Change>& changes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Changed changed_;
  const std::function<absl::Time()> clock_;
  mutable Mutex mutex_;
  std::map<std::string, Profile> profiles_ ABSL_GUARDED_BY(mutex_);
  // Node to when its last NodeReport came.
  std::map<std::string, absl::Time> heard_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_REPORT_STORE_H_
