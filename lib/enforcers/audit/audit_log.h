// The kernel's audit records as they come, by way of the multicast group that needs no daemon.
#ifndef LIB_ENFORCERS_AUDIT_AUDIT_LOG_H_
#define LIB_ENFORCERS_AUDIT_AUDIT_LOG_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace varmor {

class AuditLog {
 public:
  AuditLog() = default;
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Needs CAP_AUDIT_READ in the machine's own namespaces. UNAVAILABLE with the reason.
  absl::Status Open();

  // Readable when there are records, for poll(2); -1 when it is not open.
  int fd() const { return fd_; }

  // The records since the last call, "type=1400 audit(...): apparmor=...". Records are written from
  // within the system call, but pass through a thread of the kernel: waits up to `wait_ms` for
  // those on their way. Empty when it is not open. What is more than `limit` stays for the next
  // call. The type is the message's own, not a word of its text; who sends to the socket and is not
  // the kernel is not heard.
  std::vector<std::string> Read(int wait_ms = 50, size_t limit = SIZE_MAX);

  // How often the kernel had no room for records because nobody read them in time.
  uint64_t overruns() const { return overruns_; }

 private:
  int fd_ = -1;
  uint64_t overruns_ = 0;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_AUDIT_AUDIT_LOG_H_
