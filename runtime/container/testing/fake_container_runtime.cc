#include "runtime/container/testing/fake_container_runtime.h"

#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace varmor {

absl::Status FakeContainerRuntime::List(const std::function<void(Container)>& take) {
  std::vector<Container> all;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (broken_) return absl::UnavailableError("fake: broken");
    for (const auto& [id, container] : containers_) all.push_back(container);
  }
  for (Container& one : all) take(std::move(one));
  return absl::OkStatus();
}

absl::StatusOr<Container> FakeContainerRuntime::Get(const ContainerId& id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (broken_) return absl::UnavailableError("fake: broken");
  const auto found = containers_.find(id);
  if (found == containers_.end()) return absl::NotFoundError(absl::StrCat("fake: no ", id.id));
  if (!found->second.problem.empty()) return absl::InvalidArgumentError(found->second.problem);
  Container container = found->second;
  container.pid = 0;
  return container;
}

absl::Status FakeContainerRuntime::Watch(const Watcher& watcher,
                                         const std::function<bool()>& cancelled) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (broken_) return absl::UnavailableError("fake: broken");
    events_.clear();
    watched_ = true;
  }
  watcher.on_watching();
  std::unique_lock<std::mutex> lock(mutex_);
  absl::Status end;
  while (end.ok()) {
    changed_.wait_for(lock, std::chrono::milliseconds(10));
    while (!events_.empty() && end.ok()) {
      const ContainerEvent event = events_.front();
      events_.pop_front();
      lock.unlock();
      if (!watcher.on_event(event)) end = absl::CancelledError("fake: ended");
      lock.lock();
    }
    if (broken_) end = absl::UnavailableError("fake: broken");
    if (cancelled()) end = absl::CancelledError("fake: ended");
  }
  watched_ = false;
  return end;
}

void FakeContainerRuntime::Tell(ContainerEvent::Kind kind, const ContainerId& id, pid_t pid) {
  if (!watched_) return;
  ContainerEvent event;
  event.kind = kind;
  event.id = id;
  event.pid = pid;
  event.time = absl::Now();
  events_.push_back(event);
  changed_.notify_all();
}

void FakeContainerRuntime::Create(Container container) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const ContainerId id = container.id;
  const pid_t pid = container.pid;
  containers_[id] = std::move(container);
  Tell(ContainerEvent::Kind::kCreated, id, pid);
}

void FakeContainerRuntime::Start(const ContainerId& id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Tell(ContainerEvent::Kind::kStarted, id, containers_[id].pid);
}

void FakeContainerRuntime::Exit(const ContainerId& id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Tell(ContainerEvent::Kind::kExited, id, std::exchange(containers_[id].pid, 0));
}

void FakeContainerRuntime::Delete(const ContainerId& id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  containers_.erase(id);
  Tell(ContainerEvent::Kind::kDeleted, id, 0);
}

void FakeContainerRuntime::PutSilently(Container container) {
  const std::lock_guard<std::mutex> lock(mutex_);
  containers_[container.id] = std::move(container);
}

void FakeContainerRuntime::DeleteSilently(const ContainerId& id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  containers_.erase(id);
}

void FakeContainerRuntime::Break() {
  const std::lock_guard<std::mutex> lock(mutex_);
  broken_ = true;
  changed_.notify_all();
}

void FakeContainerRuntime::Recover() {
  const std::lock_guard<std::mutex> lock(mutex_);
  broken_ = false;
}

}  // namespace varmor
