#include "runtime/kube/leader_elector.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/kube/kube_object.h"
#include "runtime/kube/mutex.h"
#include "runtime/kube/steady_clock.h"

namespace varmor {
namespace {

// MicroTime of the API: always six decimals.
std::string MicroTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

absl::Status CheckOptions(const LeaderElectorOptions& options) {
  const LeaseDurations& durations = options.durations;
  std::vector<std::string> problems;
  if (options.name_space.empty() || options.name.empty()) {
    problems.push_back("the Lease has no name or namespace");
  }
  if (options.identity.empty()) problems.push_back("identity is empty");
  if (durations.lease < absl::Seconds(1)) problems.push_back("lease is below 1 s");
  if (durations.renew_deadline >= durations.lease) {
    problems.push_back("renew_deadline is not less than lease");
  }
  if (durations.retry >= durations.renew_deadline || durations.retry <= absl::ZeroDuration()) {
    problems.push_back("retry is not between zero and renew_deadline");
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("options of the leader election: ", absl::StrJoin(problems, "; ")));
}

std::string HolderOf(const Json& lease) { return TextAt(lease, {"spec", "holderIdentity"}); }

}  // namespace

LeaseDurations LeaseDurationsFor(int nodes) {
  if (nodes < 100) return {absl::Seconds(15), absl::Seconds(10), absl::Seconds(2)};
  if (nodes < 1000) return {absl::Seconds(30), absl::Seconds(20), absl::Seconds(4)};
  if (nodes < 5000) return {absl::Seconds(60), absl::Seconds(50), absl::Seconds(8)};
  return {absl::Seconds(90), absl::Seconds(80), absl::Seconds(8)};
}

LeaderElector::LeaderElector(KubeClient& client, LeaderElectorOptions options)
    : client_(client), options_(std::move(options)), durations_(options_.durations) {}

LeaderElector::~LeaderElector() { Stop(); }

absl::Status LeaderElector::Start(std::function<void(bool)> on_change) {
  VARMOR_RETURN_IF_ERROR(CheckOptions(options_));
  renewer_ = std::thread([this] { Renew(); });
  notifier_ = std::thread([this, on_change = std::move(on_change)] { Notify(on_change); });
  return absl::OkStatus();
}

void LeaderElector::Stop() {
  if (!renewer_.joinable()) return;
  bool holds = false;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  renewer_.join();
  notifier_.join();
  {
    MutexLock lock(&mutex_);
    holds = SteadyTime() < leads_until_;
  }
  if (!holds) return;
  const absl::Status released = Release();
  if (!released.ok() && options_.on_error) options_.on_error(released);
}

bool LeaderElector::Leads() const {
  MutexLock lock(&mutex_);
  return LeadsLocked();
}

bool LeaderElector::LeadsLocked() const { return !stopping_ && SteadyTime() < leads_until_; }

std::string LeaderElector::Holder() const {
  MutexLock lock(&mutex_);
  return holder_;
}

void LeaderElector::SetDurations(const LeaseDurations& durations) {
  MutexLock lock(&mutex_);
  durations_ = durations;
}

absl::Time LeaderElector::SteadyTime() const {
  return options_.steady_now ? options_.steady_now() : SteadyNow();
}

absl::Status LeaderElector::Try() {
  LeaseDurations durations;
  {
    MutexLock lock(&mutex_);
    durations = durations_;
  }
  // Who holds the Lease need not read it before writing; a conflict tells when that is wrong.
  if (lease_.is_object() && HolderOf(lease_) == options_.identity) {
    const absl::Status renewed = Write(lease_, true, durations);
    if (!absl::IsAborted(renewed) && !absl::IsNotFound(renewed)) return renewed;
    lease_ = Json();
  }
  absl::StatusOr<Json> lease = client_.Get(kLeases, options_.name_space, options_.name);
  if (absl::IsNotFound(lease.status()) && KubeReasonOf(lease.status()) == "NotFound") {
    return Write({{"metadata", {{"name", options_.name}, {"namespace", options_.name_space}}}},
                 false, durations);
  }
  VARMOR_RETURN_IF_ERROR(lease.status());
  Observe(*lease);
  return Acquire(*lease, durations);
}

void LeaderElector::Observe(const Json& lease) {
  const std::string record =
      absl::StrCat(HolderOf(lease), " ", TextAt(lease, {"metadata", "resourceVersion"}));
  if (record != observed_) {
    observed_ = record;
    observed_at_ = SteadyTime();
  }
  MutexLock lock(&mutex_);
  holder_ = HolderOf(lease);
  // Somebody took it, so it is over before the clock says so.
  if (holder_ != options_.identity && leads_until_ != absl::InfinitePast()) {
    leads_until_ = absl::InfinitePast();
  }
}

absl::Status LeaderElector::Acquire(const Json& lease, const LeaseDurations& durations) {
  const std::string holder = HolderOf(lease);
  const absl::Duration length = absl::Seconds(NumberAt(lease, {"spec", "leaseDurationSeconds"})
                                                  .value_or(absl::ToInt64Seconds(durations.lease)));
  const bool is_free = holder.empty() || SteadyTime() >= observed_at_ + length;
  if (!is_free && holder != options_.identity) return absl::OkStatus();
  return Write(lease, true, durations);
}

Json LeaderElector::Written(Json lease, const LeaseDurations& durations) const {
  const std::string now = MicroTime(options_.now ? options_.now() : absl::Now());
  Json& spec = lease["spec"];
  if (HolderOf(lease) != options_.identity) {
    spec["acquireTime"] = now;
    // Of changes: the first holder is none.
    const auto transitions = NumberAt(lease, {"spec", "leaseTransitions"});
    spec["leaseTransitions"] = transitions.has_value() ? *transitions + 1 : 0;
  }
  spec["holderIdentity"] = options_.identity;
  spec["leaseDurationSeconds"] = absl::ToInt64Seconds(durations.lease);
  spec["renewTime"] = now;
  for (const auto& [key, value] : options_.annotations)
    lease["metadata"]["annotations"][key] = value;
  return lease;
}

absl::Status LeaderElector::Write(Json lease, bool exists, const LeaseDurations& durations) {
  // The time counts from before the write: others see it later than that.
  const absl::Time began = SteadyTime();
  const Json wanted = Written(std::move(lease), durations);
  absl::StatusOr<Json> stored = exists ? client_.Update(kLeases, wanted)
                                       : client_.Create(kLeases, options_.name_space, wanted);
  VARMOR_RETURN_IF_ERROR(stored.status());
  lease_ = *std::move(stored);
  observed_ = "";
  MutexLock lock(&mutex_);
  holder_ = options_.identity;
  leads_until_ = began + durations.renew_deadline;
  return absl::OkStatus();
}

absl::Status LeaderElector::Release() {
  Json lease = lease_;
  lease["spec"]["holderIdentity"] = "";
  lease["spec"]["leaseDurationSeconds"] = 1;
  lease["spec"]["renewTime"] = MicroTime(options_.now ? options_.now() : absl::Now());
  for (const auto& entry : options_.annotations)
    lease["metadata"]["annotations"].erase(entry.first);
  return client_.Update(kLeases, lease).status();
}

absl::Duration LeaderElector::Pause() {
  MutexLock lock(&mutex_);
  // Candidates spread, so that they do not all try in the same instant.
  return LeadsLocked() ? durations_.retry : durations_.retry * absl::Uniform(random_, 1.0, 1.2);
}

void LeaderElector::Renew() {
  while (true) {
    const absl::Status tried = Try();
    if (!tried.ok() && options_.on_error) options_.on_error(tried);
    const absl::Duration pause = Pause();
    MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout([this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return stopping_; }, pause);
    if (stopping_) return;
  }
}

void LeaderElector::Notify(const std::function<void(bool)>& on_change) {
  bool told = false;
  while (true) {
    bool leads = false;
    {
      MutexLock lock(&mutex_);
      const auto news = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return LeadsLocked() != told || stopping_;
      };
      // The end comes without a signal, when its time has come.
      const absl::Duration left = told ? leads_until_ - SteadyTime() : absl::InfiniteDuration();
      if (!mutex_.AwaitWithTimeout(news, left)) continue;
      leads = LeadsLocked();
    }
    if (leads == told) return;
    told = leads;
    on_change(leads);
  }
}

}  // namespace varmor
