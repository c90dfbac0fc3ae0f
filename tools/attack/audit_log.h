// The kernel's audit records as they come, by way of the multicast group that needs no daemon.
#ifndef TOOLS_ATTACK_AUDIT_LOG_H_
#define TOOLS_ATTACK_AUDIT_LOG_H_

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

  // Needs CAP_AUDIT_READ in the machine's own namespaces.
  absl::Status Open();

  // The records since the last call, "type=1400 audit(...): apparmor=...": waits a moment for those
  // on their way. Empty when it is not open.
  std::vector<std::string> Read();

 private:
  int fd_ = -1;
};

}  // namespace varmor

#endif  // TOOLS_ATTACK_AUDIT_LOG_H_
