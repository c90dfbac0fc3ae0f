// The agent's thread: events of the container runtime, what others ask, and what is due, one after
// the other.
#ifndef RUNTIME_AGENT_AGENT_LOOP_H_
#define RUNTIME_AGENT_AGENT_LOOP_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "runtime/agent/agent.h"
#include "runtime/container/container_runtime.h"
#include "runtime/log/logger.h"

namespace varmor {

struct AgentLoopOptions {
  // Events that wait; with more of them they are dropped, and all containers are listed.
  size_t event_limit = 4096;
  // How often the kernel is compared with what it should hold.
  absl::Duration check_every = absl::Minutes(1);
  // How often `tick` is called.
  absl::Duration tick_every = absl::Seconds(2);
  // Between two attempts to reach the runtime; doubled up to the second.
  absl::Duration first_pause = absl::Milliseconds(200);
  absl::Duration longest_pause = absl::Seconds(10);
};

class AgentLoop {
 public:
  // What is referred to has to outlive the loop.
  AgentLoop(AgentLoopOptions options, Agent& agent, ContainerRuntime& runtime, Logger& log);
  ~AgentLoop();

  // Both are called in the loop's thread: the first now and then, the second after each step.
  std::function<void()> tick;
  std::function<void()> after_step;

  // In this thread, until Stop.
  void Run();
  // Thread-safe, also from a signal's handler thread.
  void Stop();

  // Runs `call` in the loop's thread, soon. Thread-safe.
  void Post(std::function<void()> call);
  // The same, and waits for it; false when it was not run in time. `call` may run later then: what
  // it refers to has to outlive it.
  bool PostAndWait(std::function<void()> call, absl::Duration limit);

 private:
  void Watch();
  bool Take(const ContainerEvent& event);
  void Step();
  void ServeCalls();
  void HandleEvents();
  void ResyncIfDue(absl::Time now);

  const AgentLoopOptions options_;
  Agent& agent_;
  ContainerRuntime& runtime_;
  Logger& log_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ContainerEvent> events_;
  std::deque<std::function<void()>> calls_;
  bool resync_ = false;
  std::atomic<bool> stopping_{false};

  absl::Time next_check_;
  absl::Time next_tick_;
  absl::Time next_resync_ = absl::InfinitePast();
  absl::Duration resync_pause_;
  std::thread watcher_;
};

}  // namespace varmor

#endif  // RUNTIME_AGENT_AGENT_LOOP_H_
