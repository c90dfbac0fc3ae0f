// One of several processes leads: whoever holds a Lease object, for as long as it renews it.
//
// Whether this process leads is told by its own clock: a leader that cannot renew stops before
// another can begin, whatever the clocks of the machines say.
#ifndef RUNTIME_KUBE_LEADER_ELECTOR_H_
#define RUNTIME_KUBE_LEADER_ELECTOR_H_

#include <functional>
#include <map>
#include <string>
#include <thread>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/kube/kube_client.h"
#include "runtime/kube/mutex.h"

namespace varmor {

struct LeaseDurations {
  // Others may take a Lease that did not change for so long; whole seconds.
  absl::Duration lease = absl::Seconds(15);
  // A leader that did not renew for so long leads no more. Less than `lease`.
  absl::Duration renew_deadline = absl::Seconds(10);
  // Between tries. Less than `renew_deadline`.
  absl::Duration retry = absl::Seconds(2);
};

// Larger clusters have slower servers: 15/10/2 s, from 100 nodes 30/20/4, from 1000 60/50/8, from
// 5000 90/80/8.
LeaseDurations LeaseDurationsFor(int nodes);

struct LeaderElectorOptions {
  std::string name_space, name;
  // Of this process; no other may have the same.
  std::string identity;
  LeaseDurations durations;
  // Set on the Lease with each write by a leader.
  std::map<std::string, std::string> annotations;
  // Told about each failed try, in a thread of the elector.
  std::function<void(const absl::Status& error)> on_error;
  // absl::Now and SteadyNow when empty. With others, a test calls Try instead of Start.
  std::function<absl::Time()> now, steady_now;
};

class LeaderElector {
 public:
  // `client` must outlive this, and is for nothing else, so that no other call is before a renewal.
  // Its call_limit should be less than renew_deadline - retry.
  LeaderElector(KubeClient& client, LeaderElectorOptions options);
  // Stops.
  ~LeaderElector();

  LeaderElector(const LeaderElector&) = delete;
  LeaderElector& operator=(const LeaderElector&) = delete;

  // INVALID_ARGUMENT for options that make no sense. `on_change` is told true when this process
  // begins to lead and false when it ends, in turns, in a thread of the elector; also of the end
  // that comes by the clock while a call hangs.
  absl::Status Start(std::function<void(bool leads)> on_change);
  // Ends leading: `on_change` is told first, and when it has returned, the Lease is given up, so
  // that another can take it at once. Waits for a call under way.
  void Stop();

  // Whether this process leads now. Asked before each write of a leader.
  bool Leads() const;
  // The identity in the Lease when it was last read; "" for none.
  std::string Holder() const;
  // For the next try.
  void SetDurations(const LeaseDurations& durations);

  // One try to get or renew the Lease, as the thread does it. For tests.
  absl::Status Try();

 private:
  absl::Status Acquire(const Json& lease, const LeaseDurations& durations);
  absl::Status Write(Json lease, bool exists, const LeaseDurations& durations);
  absl::Status Release();
  Json Written(Json lease, const LeaseDurations& durations) const;
  void Observe(const Json& lease);
  void Renew();
  void Notify(const std::function<void(bool)>& on_change);
  absl::Duration Pause();
  absl::Time SteadyTime() const;
  bool LeadsLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  KubeClient& client_;
  const LeaderElectorOptions options_;

  // Of the renewing thread alone.
  Json lease_;            // as last read or written; null when that is not known
  std::string observed_;  // holder and version of the Lease,
  absl::Time observed_at_ = absl::InfinitePast();  // and since when it is so
  absl::BitGen random_;

  mutable Mutex mutex_;
  LeaseDurations durations_ ABSL_GUARDED_BY(mutex_);
  std::string holder_ ABSL_GUARDED_BY(mutex_);
  absl::Time leads_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread renewer_, notifier_;
};

}  // namespace varmor

#endif  // RUNTIME_KUBE_LEADER_ELECTOR_H_
