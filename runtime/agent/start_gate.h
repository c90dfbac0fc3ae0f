// Holds the start of a container until BPF confines it, or until it is clear that it will not.
//
// The container runtime asks by NRI (runtime/container/nri), the OCI hook by the agent's socket;
// both end in Agent::EnrollNow. The hook decides itself what becomes of a container that is not
// confined, as its flags say; of those that NRI asks about this decides, as the agent's say.
#ifndef RUNTIME_AGENT_START_GATE_H_
#define RUNTIME_AGENT_START_GATE_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <mutex>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/container/container_runtime.h"
#include "runtime/container/nri/nri_session.h"
#include "runtime/log/logger.h"

namespace varmor {

// Starts by what became of them, since this agent began.
struct StartCounts {
  // Confined as their policy says, or without one.
  uint64_t ready = 0;
  // Not confined, and started all the same.
  uint64_t unconfined = 0;
  // Not confined, and not started.
  uint64_t refused = 0;
};

class StartGate {
 public:
  // As Agent::EnrollNow, in another thread, within the limit.
  using Enroll =
      std::function<absl::Status(const ContainerId& id, pid_t pid, absl::Duration limit)>;

  // `closed`: what is not confined is not started.
  StartGate(bool closed, Enroll enroll, Logger& log)
      : closed_(closed), enroll_(std::move(enroll)), log_(log) {}

  // OK when the container may start. While it is not known whether it can be confined, waits up to
  // the limit.
  absl::Status Hold(const NriStart& start);

  // Thread-safe.
  StartCounts counts() const;

 private:
  void Count(uint64_t StartCounts::*which);

  const bool closed_;
  const Enroll enroll_;
  Logger& log_;
  mutable std::mutex mutex_;
  StartCounts counts_;
};

}  // namespace varmor

#endif  // RUNTIME_AGENT_START_GATE_H_
