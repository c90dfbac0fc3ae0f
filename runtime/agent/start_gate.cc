#include "runtime/agent/start_gate.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace varmor {
namespace {

constexpr absl::Duration kAgain = absl::Milliseconds(50);

}  // namespace

void StartGate::Count(uint64_t StartCounts::*which) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++(counts_.*which);
}

StartCounts StartGate::counts() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return counts_;
}

absl::Status StartGate::Hold(const NriStart& start) {
  const absl::Time end = absl::Now() + start.limit;
  absl::Status status = enroll_(start.id, start.pid, start.limit);
  while (absl::IsUnavailable(status)) {
    absl::SleepFor(kAgain);
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) break;
    status = enroll_(start.id, start.pid, left);
  }
  if (status.ok()) {
    Count(&StartCounts::ready);
    return status;
  }
  const std::string text =
      absl::StrCat("container ", start.id.name_space, "/", start.id.id, " (", start.name, ") is ",
                   closed_ ? "not started" : "started UNCONFINED", ": ", status.message());
  log_.Error(text);
  Count(closed_ ? &StartCounts::refused : &StartCounts::unconfined);
  if (!closed_) return absl::OkStatus();
  return absl::Status(status.code(),
                      absl::StrCat("varmor-agent --failMode=closed: ", status.message()));
}

}  // namespace varmor
