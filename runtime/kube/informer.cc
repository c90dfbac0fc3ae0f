#include "runtime/kube/informer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "lib/compiler/status/status_macros.h"
#include "runtime/kube/kube_object.h"
#include "runtime/kube/kube_path.h"
#include "runtime/kube/mutex.h"
#include "runtime/kube/steady_clock.h"

namespace varmor {

Informer::Informer(KubeClient& client, const KubeResource& resource, InformerOptions options,
                   std::function<void(InformerEvent)> on_event)
    : client_(client),
      resource_(resource),
      options_(std::move(options)),
      on_event_(std::move(on_event)) {}

Informer::~Informer() { Stop(); }

void Informer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Informer::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

bool Informer::Synced() const {
  MutexLock lock(&mutex_);
  return synced_;
}

bool Informer::Stopping() const {
  MutexLock lock(&mutex_);
  return stopping_;
}

void Informer::Run() {
  while (!Stopping()) {
    const absl::Status status = version_.empty() ? List() : Watch();
    if (!status.ok() && !Stopping()) Wait(status);
  }
}

absl::Status Informer::List() {
  KubeListOptions options = options_.list;
  if (listed_before_) options.resource_version = "";
  listed_before_ = true;
  VARMOR_ASSIGN_OR_RETURN(KubeList list, client_.List(resource_, options));
  std::set<std::string> present;
  for (const Json& item : list.items) present.insert(KubeKeyOf(item));
  std::vector<std::string> gone;
  for (const auto& entry : known_) {
    if (present.count(entry.first) == 0) gone.push_back(entry.first);
  }
  for (const std::string& key : gone) Absent(key, Identity(known_[key]));
  for (Json& item : list.items) {
    if (Stopping()) return absl::OkStatus();
    Present(std::move(item));
  }
  version_ = list.resource_version;
  if (version_.empty()) {
    return absl::InternalError("the server gave a list without a resourceVersion");
  }
  on_event_({InformerEvent::Type::kSynced, Json()});
  MutexLock lock(&mutex_);
  synced_ = true;
  return absl::OkStatus();
}

absl::Status Informer::Watch() {
  KubeListOptions options = options_.list;
  options.resource_version = version_;
  watch_told_something_ = false;
  const absl::Time began = SteadyNow();
  absl::Status status = client_.Watch(
      resource_, options, [this](KubeWatchEvent event) { return OnWatchEvent(std::move(event)); },
      [this] { return Stopping(); });
  constexpr absl::Duration kGoodWatch = absl::Seconds(10);
  if (watch_told_something_ || SteadyNow() - began >= kGoodWatch) errors_in_a_row_ = 0;
  if (absl::IsOutOfRange(status)) version_ = "";
  // A server that ends watches as soon as they begin is not to be asked all the time.
  if (status.ok() && !watch_told_something_ && SteadyNow() - began < absl::Seconds(1)) {
    return absl::UnavailableError("the server ended a watch at once");
  }
  return status;
}

bool Informer::OnWatchEvent(KubeWatchEvent event) {
  if (Stopping()) return false;
  watch_told_something_ = true;
  const std::string version = TextAt(event.object, {"metadata", "resourceVersion"});
  const std::string key = KubeKeyOf(event.object);
  switch (event.type) {
    case KubeWatchEvent::Type::kAdded:
    case KubeWatchEvent::Type::kModified:
      Present(std::move(event.object));
      break;
    case KubeWatchEvent::Type::kDeleted:
      Absent(key, std::move(event.object));
      break;
    case KubeWatchEvent::Type::kBookmark:
      break;
  }
  if (!version.empty()) version_ = version;
  return true;
}

void Informer::Present(Json object) {
  const std::string key = KubeKeyOf(object);
  const Known now = {TextAt(object, {"metadata", "namespace"}),
                     TextAt(object, {"metadata", "name"}), TextAt(object, {"metadata", "uid"}),
                     TextAt(object, {"metadata", "resourceVersion"})};
  const auto found = known_.find(key);
  InformerEvent::Type type = InformerEvent::Type::kAdded;
  if (found != known_.end() && found->second.uid == now.uid) {
    if (found->second.version == now.version) return;
    type = InformerEvent::Type::kModified;
  } else if (found != known_.end()) {
    Absent(key, Identity(found->second));
  }
  known_[key] = now;
  if (object["metadata"].is_object()) object["metadata"].erase("managedFields");
  on_event_({type, std::move(object)});
}

void Informer::Absent(const std::string& key, Json object) {
  if (known_.erase(key) == 0) return;
  if (object["metadata"].is_object()) object["metadata"].erase("managedFields");
  on_event_({InformerEvent::Type::kDeleted, std::move(object)});
}

Json Informer::Identity(const Known& known) const {
  Json object = {
      {"apiVersion", KubeApiVersion(resource_)},
      {"kind", resource_.kind},
      {"metadata", {{"name", known.name}, {"uid", known.uid}, {"resourceVersion", known.version}}}};
  if (!known.name_space.empty()) object["metadata"]["namespace"] = known.name_space;
  return object;
}

void Informer::Wait(const absl::Status& error) {
  ++errors_in_a_row_;
  if (options_.on_error) options_.on_error(error, errors_in_a_row_);
  if (absl::IsOutOfRange(error) && errors_in_a_row_ == 1) return;
  constexpr int kDoublings = 20;
  const absl::Duration longest =
      std::min(options_.longest_wait,
               options_.first_wait * (1 << std::min(errors_in_a_row_ - 1, kDoublings)));
  absl::Duration wait = longest * absl::Uniform(random_, 0.5, 1.0);
  wait = std::max(wait, KubeRetryAfter(error));
  MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout([this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return stopping_; }, wait);
}

}  // namespace varmor
