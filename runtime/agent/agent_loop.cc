#include "runtime/agent/agent_loop.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace varmor {
namespace {

// Before what is due is done.
constexpr size_t kEventsAtOnce = 64;

}  // namespace

AgentLoop::AgentLoop(AgentLoopOptions options, Agent& agent, ContainerRuntime& runtime, Logger& log)
    : options_(options),
      agent_(agent),
      runtime_(runtime),
      log_(log),
      resync_pause_(options.first_pause) {}

AgentLoop::~AgentLoop() {
  Stop();
  if (watcher_.joinable()) watcher_.join();
}

void AgentLoop::Stop() {
  stopping_ = true;
  changed_.notify_all();
}

void AgentLoop::Post(std::function<void()> call) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    calls_.push_back(std::move(call));
  }
  changed_.notify_all();
}

bool AgentLoop::PostAndWait(std::function<void()> call, absl::Duration limit) {
  const auto done = std::make_shared<std::promise<void>>();
  std::future<void> waiting = done->get_future();
  Post([call = std::move(call), done] {
    call();
    done->set_value();
  });
  const absl::Time end = absl::Now() + limit;
  while (!stopping_ && absl::Now() < end) {
    if (waiting.wait_for(std::chrono::milliseconds(50)) == std::future_status::ready) return true;
  }
  return false;
}

bool AgentLoop::Take(const ContainerEvent& event) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (events_.size() < options_.event_limit) {
      events_.push_back(event);
    } else {
      events_.clear();
      resync_ = true;
      calls_.push_back([this] { agent_.CountOverflow(); });
    }
  }
  changed_.notify_all();
  return !stopping_;
}

// Watches the runtime for ever.
void AgentLoop::Watch() {
  absl::Duration pause = options_.first_pause;
  ContainerRuntime::Watcher watcher;
  watcher.on_watching = [&] {
    pause = options_.first_pause;
    Post([this] { agent_.SetWatching(true, ""); });
    const std::lock_guard<std::mutex> lock(mutex_);
    resync_ = true;
    next_resync_ = absl::InfinitePast();
    changed_.notify_all();
  };
  watcher.on_event = [this](const ContainerEvent& event) { return Take(event); };
  std::string problem;
  while (!stopping_) {
    const absl::Status ended = runtime_.Watch(watcher, [this] { return stopping_.load(); });
    if (stopping_) return;
    if (problem != ended.message()) {
      log_.Error(absl::StrCat("the container runtime is not watched: ", ended.message()));
    }
    problem = std::string(ended.message());
    Post([this, problem] { agent_.SetWatching(false, problem); });
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, absl::ToChronoMilliseconds(pause), [this] { return stopping_.load(); });
    pause = std::min(pause * 2, options_.longest_pause);
  }
}

void AgentLoop::ResyncIfDue(absl::Time now) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!resync_ || next_resync_ > now) return;
    resync_ = false;
  }
  const absl::Status listed = agent_.Resync();
  if (listed.ok()) {
    resync_pause_ = options_.first_pause;
    return;
  }
  log_.Error(absl::StrCat("cannot list the containers: ", listed.message()));
  const std::lock_guard<std::mutex> lock(mutex_);
  resync_ = true;
  next_resync_ = absl::Now() + resync_pause_;
  resync_pause_ = std::min(resync_pause_ * 2, options_.longest_pause);
}

void AgentLoop::ServeCalls() {
  std::deque<std::function<void()>> calls;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    calls.swap(calls_);
  }
  for (const std::function<void()>& call : calls) call();
}

// What is asked does not wait behind events, each of which may have to wait for the runtime.
void AgentLoop::HandleEvents() {
  for (size_t i = 0; i < kEventsAtOnce && !stopping_; ++i) {
    ServeCalls();
    ContainerEvent event;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (events_.empty()) return;
      event = events_.front();
      events_.pop_front();
    }
    if (agent_.OnEvent(event)) continue;
    // Nor would it answer the next. A list tells what these would.
    const std::lock_guard<std::mutex> lock(mutex_);
    events_.clear();
    return;
  }
}

void AgentLoop::Step() {
  {
    std::unique_lock<std::mutex> lock(mutex_);
    absl::Time until = std::min({next_check_, next_tick_, agent_.next_retry()});
    if (resync_) until = std::min(until, next_resync_);
    const absl::Duration wait =
        std::clamp(until - absl::Now(), absl::ZeroDuration(), absl::Seconds(1));
    changed_.wait_for(lock, absl::ToChronoMilliseconds(wait), [this] {
      return stopping_ || !events_.empty() || !calls_.empty() ||
             (resync_ && next_resync_ <= absl::Now());
    });
  }
  HandleEvents();
  const absl::Time now = absl::Now();
  if (agent_.TakeResyncRequest()) {
    const std::lock_guard<std::mutex> lock(mutex_);
    // Not at once, and not for each of many events.
    if (!resync_) next_resync_ = now + options_.first_pause;
    resync_ = true;
  }
  ResyncIfDue(now);
  if (now >= next_tick_) {
    next_tick_ = now + options_.tick_every;
    if (tick) tick();
  }
  if (now >= next_check_ || now >= agent_.next_retry()) {
    next_check_ = now + options_.check_every;
    agent_.Check();
  }
  if (after_step) after_step();
}

void AgentLoop::Run() {
  const absl::Time now = absl::Now();
  next_check_ = now + options_.check_every;
  next_tick_ = now;
  watcher_ = std::thread([this] { Watch(); });
  while (!stopping_) Step();
}

}  // namespace varmor
