// A container runtime that does what a test says. What the real one does is told by
// containerd_test.sh.
#ifndef RUNTIME_CONTAINER_TESTING_FAKE_CONTAINER_RUNTIME_H_
#define RUNTIME_CONTAINER_TESTING_FAKE_CONTAINER_RUNTIME_H_

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "runtime/container/container_runtime.h"

namespace varmor {

class FakeContainerRuntime : public ContainerRuntime {
 public:
  std::string name() const override { return "fake"; }
  absl::Status List(const std::function<void(Container)>& take) override;
  absl::StatusOr<Container> Get(const ContainerId& id) override;
  absl::Status Watch(const Watcher& watcher, const std::function<bool()>& cancelled) override;

  // Changes what is there, and tells it.
  void Create(Container container);
  void Start(const ContainerId& id);
  void Exit(const ContainerId& id);
  void Delete(const ContainerId& id);
  // Changes what is there without an event, as when it was lost.
  void PutSilently(Container container);
  void DeleteSilently(const ContainerId& id);
  // Ends the watch, now or as soon as there is one; calls fail until Recover.
  void Break();
  void Recover();

 private:
  void Tell(ContainerEvent::Kind kind, const ContainerId& id, pid_t pid);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<ContainerId, Container> containers_;
  std::deque<ContainerEvent> events_;
  bool watched_ = false;
  bool broken_ = false;
};

}  // namespace varmor

#endif  // RUNTIME_CONTAINER_TESTING_FAKE_CONTAINER_RUNTIME_H_
