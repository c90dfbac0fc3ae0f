#include "runtime/manager/event_recorder.h"

#include "runtime/kube/kube_object.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

constexpr absl::Duration kEventPeriod = absl::Minutes(1);
// note of events.k8s.io/v1.
constexpr size_t kEventBytes = 1024;

}  // namespace

void EventRecorder::Record(const std::string& key, const Json& policy, const std::string& type,
                           const std::string& reason, const std::string& message) {
  logger_.Warning(reason, {{"policy", key}, {"message", message}});
  const absl::Time now = clock_();
  {
    MutexLock lock(&mutex_);
    absl::Time& last =
        recorded_.emplace(std::make_pair(key, reason), absl::InfinitePast()).first->second;
    if (now < last + kEventPeriod) return;
    last = now;
  }
  std::string note = message.substr(0, kEventBytes);
  // Not within a character of several bytes.
  while (note.size() < message.size() && !note.empty() && (message[note.size()] & 0xc0) == 0x80) {
    note.pop_back();
  }
  const std::string policy_namespace = TextAt(policy, {"metadata", "namespace"});
  const std::string name_space = policy_namespace.empty() ? "default" : policy_namespace;
  Json regarding = {{"apiVersion", kPolicyApiVersion},
                    {"kind", TextAt(policy, {"kind"})},
                    {"name", TextAt(policy, {"metadata", "name"})},
                    {"uid", TextAt(policy, {"metadata", "uid"})}};
  if (!policy_namespace.empty()) regarding["namespace"] = policy_namespace;
  const Json object = {
      {"metadata", {{"generateName", "varmor-"}, {"namespace", name_space}}},
      {"eventTime", absl::FormatTime("%Y-%m-%d%ET%H:%M:%E6SZ", now, absl::UTCTimeZone())},
      {"type", type},
      {"reason", reason},
      {"action", "Reconcile"},
      {"note", note},
      {"regarding", std::move(regarding)},
      {"reportingController", "varmor.org/manager"},
      {"reportingInstance", "varmor-manager"}};
  const absl::Status status = client_.Create(kEvents, name_space, object).status();
  if (!status.ok()) {
    logger_.Warning("event cannot be written", {{"policy", key}, {"error", status.ToString()}});
  }
}

void EventRecorder::Forget(const std::string& key) {
  MutexLock lock(&mutex_);
  auto it = recorded_.lower_bound({key, ""});
  while (it != recorded_.end() && it->first.first == key) it = recorded_.erase(it);
}

}  // namespace varmor
