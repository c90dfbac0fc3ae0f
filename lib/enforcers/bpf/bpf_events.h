// Reads the events of the BPF programs as they happen.
#ifndef LIB_ENFORCERS_BPF_BPF_EVENTS_H_
#define LIB_ENFORCERS_BPF_BPF_EVENTS_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "lib/enforcers/bpf/bpf_violation.h"

namespace varmor {

// There is one ring for all profiles, and every reader, in whatever process, gets all that comes
// while it is open, besides what was there and had not been read by anyone. What nobody reads is
// dropped and counted (BpfEnforcer::Drops). A reader that is slower than another by more than the
// ring's size loses what is overwritten, and is told.
class BpfEventReader {
 public:
  using Handler = std::function<void(const BpfViolation&)>;

  // `enforcer` has been started. The reader does not need it afterwards. To `bad` goes what does
  // not come as it should: records that cannot be decoded, DATA_LOSS with how much was overwritten,
  // and why the profile of a violation is not known.
  static absl::StatusOr<BpfEventReader> Open(BpfEnforcer& enforcer, Handler handler,
                                             std::function<void(const absl::Status&)> bad = {});

  BpfEventReader(BpfEventReader&&) noexcept;
  BpfEventReader& operator=(BpfEventReader&&) noexcept;
  ~BpfEventReader();

  // Hands over what has come, waiting up to `timeout_ms` for the first (-1: without end, 0: not at
  // all). Returns how many; 0 also when a signal came.
  absl::StatusOr<int> Poll(int timeout_ms);

  // Hands over everything that is in the ring when it is called, also what is just being written:
  // so all that processes which have ended did. DEADLINE_EXCEEDED when that is not complete in
  // time.
  absl::Status Drain(int timeout_ms);

  // For poll(2) with other files: readable when Poll(0) may have something. It is a fifth of a
  // second late when another reader has been faster, and therefore readable every so often for
  // nothing.
  int fd() const;

  // Of records that were overwritten before this reader came to them, since Open.
  uint64_t lost_bytes() const;

 private:
  struct Parts;
  explicit BpfEventReader(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_BPF_EVENTS_H_
