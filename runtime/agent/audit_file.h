// Audit records from a log that somebody else writes, where the kernel's own cannot be had: that of
// auditd, or that of the syslog daemon with the kernel's messages.
#ifndef RUNTIME_AGENT_AUDIT_FILE_H_
#define RUNTIME_AGENT_AUDIT_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace varmor {

// A line of audit.log ("type=AVC msg=audit(1.2:3): apparmor=...") or of kern.log
// ("... kernel: [ 1.2] audit: type=1400 audit(1.2:3): apparmor=...") as a record of AuditLog
// ("type=1400 audit(1.2:3): apparmor=..."). Nothing for lines about something else.
std::optional<std::string> RecordOfAuditLine(absl::string_view line);

// Follows one of them.
class AuditFile {
 public:
  AuditFile() = default;
  ~AuditFile();
  AuditFile(const AuditFile&) = delete;
  AuditFile& operator=(const AuditFile&) = delete;

  // What is in it is old, unless it was not there before. NOT_FOUND, UNAVAILABLE with the reason.
  absl::Status Open(const std::string& path, bool is_new = false);

  const std::string& path() const { return path_; }

  // The records since the last call, oldest first; what is more than `limit_bytes` of the log stays
  // for the next one. A log that was renamed is read until something is in the new one, which is
  // then read from its beginning, as one that was cut is. Lines that are not complete wait.
  std::vector<std::string> Read(size_t limit_bytes = 1 << 20);

  // Lines that were passed over because they are longer than any record.
  uint64_t too_long() const { return too_long_; }

 private:
  // Whether there is more, after a look at what became of the file.
  bool Follow();
  void TakeLines(std::vector<std::string>& records);

  std::string path_;
  int fd_ = -1;
  off_t position_ = 0;
  std::string rest_;  // the beginning of a line
  bool skipping_ = false;
  uint64_t too_long_ = 0;
};

// Which of some logs to follow: the first that can be opened. One that comes before it in the list
// may appear later: where auditd begins, the kernel's messages have the records no more.
class AuditFileFinder {
 public:
  // `paths` with '|' between.
  explicit AuditFileFinder(absl::string_view paths);

  // Looks again. Null when there is none, or none before the one that was found last.
  std::unique_ptr<AuditFile> Find();
  // OK when one was ever found; UNAVAILABLE with the reason for each of them.
  const absl::Status& status() const { return status_; }

 private:
  struct Log {
    std::string path;
    // It was not there when somebody looked.
    bool was_absent = false;
  };
  std::vector<Log> logs_;
  size_t found_;
  absl::Status status_;
};

}  // namespace varmor

#endif  // RUNTIME_AGENT_AUDIT_FILE_H_
