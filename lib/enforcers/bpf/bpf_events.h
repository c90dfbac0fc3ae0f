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

// There is one ring for all profiles, and each record has one reader: two readers of the same
// directory, in whatever processes, get a part each. What nobody reads is dropped and counted
// (BpfEnforcer::Drops).
class BpfEventReader {
 public:
  using Handler = std::function<void(const BpfViolation&)>;

  // `enforcer` has been started. The reader does not need it afterwards. Records that cannot be
  // decoded go to `bad`.
  static absl::StatusOr<BpfEventReader> Open(BpfEnforcer& enforcer, Handler handler,
                                             std::function<void(const absl::Status&)> bad = {});

  BpfEventReader(BpfEventReader&&) noexcept;
  BpfEventReader& operator=(BpfEventReader&&) noexcept;
  ~BpfEventReader();

  // Hands over what has come, waiting up to `timeout_ms` for the first (-1: without end, 0: not at
  // all). Returns how many; 0 also when a signal came.
  absl::StatusOr<int> Poll(int timeout_ms);

  // Readable when Poll(0) would have something; for poll(2) with other files.
  int fd() const;

 private:
  struct Parts;
  explicit BpfEventReader(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_BPF_EVENTS_H_
