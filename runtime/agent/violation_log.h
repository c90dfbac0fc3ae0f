// Where violations are written: a file that is rotated, standard output, or both; and how many of
// one container at most.
#ifndef RUNTIME_AGENT_VIOLATION_LOG_H_
#define RUNTIME_AGENT_VIOLATION_LOG_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/log/line_writer.h"

namespace varmor {

struct ViolationLogOptions {
  // "": no file. Made with its directory.
  std::string path = "/var/log/varmor/violations.log";
  // vArmor's: the file is renamed to PATH.1 before a line would make it larger; PATH.1 to PATH.2,
  // and so on to PATH.`backups`.
  size_t max_bytes = 10 << 20;
  int backups = 3;
  bool standard_output = false;
};

class ViolationLog {
 public:
  explicit ViolationLog(ViolationLogOptions options);
  ~ViolationLog();
  ViolationLog(const ViolationLog&) = delete;
  ViolationLog& operator=(const ViolationLog&) = delete;

  // UNAVAILABLE when the file cannot be opened.
  absl::Status Open();
  // Appends a line, whole, and its end. UNAVAILABLE when the file is not written; the next one
  // tries again, and begins a line of its own whatever was left of this one. Nobody waits for who
  // reads standard output.
  absl::Status Write(absl::string_view line);
  // Lines that standard output did not take. Thread-safe.
  uint64_t lost() const { return output_ == nullptr ? 0 : output_->lost(); }

 private:
  absl::Status Rotate();

  ViolationLogOptions options_;
  int fd_ = -1;
  size_t size_ = 0;
  // The file ends within a line.
  bool torn_ = false;
  const std::unique_ptr<LineWriter> output_;
};

// Token buckets, one for each container and enforcer.
class ViolationRate {
 public:
  ViolationRate(double per_second, double burst) : per_second_(per_second), burst_(burst) {}

  // Whether one more violation of `key` may be written; else it is counted.
  bool Take(const std::string& key, absl::Time now);
  // How many were not written since the last call, by key; buckets that are full again are
  // forgotten.
  std::map<std::string, uint64_t> TakeSuppressed(absl::Time now);

 private:
  struct Bucket {
    double tokens = 0;
    absl::Time at;
    uint64_t suppressed = 0;
  };
  void Fill(Bucket& bucket, absl::Time now) const;

  const double per_second_;
  const double burst_;
  std::map<std::string, Bucket> buckets_;
};

}  // namespace varmor

#endif  // RUNTIME_AGENT_VIOLATION_LOG_H_
