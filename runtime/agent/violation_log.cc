#include "runtime/agent/violation_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

// All of it, or false.
bool WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

ViolationLog::ViolationLog(ViolationLogOptions options)
    : options_(std::move(options)),
      output_(options_.standard_output ? std::make_unique<LineWriter>(STDOUT_FILENO) : nullptr) {}

ViolationLog::~ViolationLog() {
  if (fd_ >= 0) close(fd_);
}

absl::Status ViolationLog::Open() {
  if (options_.path.empty()) return absl::OkStatus();
  if (fd_ >= 0) close(fd_);
  const size_t slash = options_.path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    VARMOR_RETURN_IF_ERROR(EnsureDirectory(options_.path.substr(0, slash)));
  }
  fd_ = open(options_.path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  struct stat facts = {};
  if (fd_ < 0 || fstat(fd_, &facts) != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot open ", QuotedPath(options_.path), ": ", SystemReason(errno)));
  }
  size_ = static_cast<size_t>(facts.st_size);
  char last = '\n';
  torn_ = size_ > 0 && (pread(fd_, &last, 1, facts.st_size - 1) != 1 || last != '\n');
  return absl::OkStatus();
}

absl::Status ViolationLog::Rotate() {
  for (int i = options_.backups; i > 0; --i) {
    const std::string from = i == 1 ? options_.path : absl::StrCat(options_.path, ".", i - 1);
    rename(from.c_str(), absl::StrCat(options_.path, ".", i).c_str());
  }
  if (options_.backups == 0) unlink(options_.path.c_str());
  return Open();
}

absl::Status ViolationLog::Write(absl::string_view line) {
  std::string text = absl::StrCat(line, "\n");
  if (output_ != nullptr) output_->Write(text);
  if (options_.path.empty()) return absl::OkStatus();
  if (fd_ < 0) VARMOR_RETURN_IF_ERROR(Open());
  if (size_ > 0 && size_ + text.size() > options_.max_bytes) VARMOR_RETURN_IF_ERROR(Rotate());
  if (torn_) text.insert(0, "\n");
  if (!WriteAll(fd_, text)) {
    const int error = errno;
    // Some of it may be there. Where that stays, the next line says so by beginning anew.
    torn_ = ftruncate(fd_, static_cast<off_t>(size_)) != 0 || torn_;
    return absl::UnavailableError(
        absl::StrCat("cannot write ", QuotedPath(options_.path), ": ", SystemReason(error)));
  }
  torn_ = false;
  size_ += text.size();
  return absl::OkStatus();
}

void ViolationRate::Fill(Bucket& bucket, absl::Time now) const {
  const double seconds = std::max(0.0, absl::ToDoubleSeconds(now - bucket.at));
  bucket.tokens = std::min(burst_, bucket.tokens + seconds * per_second_);
  bucket.at = now;
}

bool ViolationRate::Take(const std::string& key, absl::Time now) {
  const auto [at, is_new] = buckets_.emplace(key, Bucket{burst_, now, 0});
  Bucket& bucket = at->second;
  Fill(bucket, now);
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return true;
  }
  ++bucket.suppressed;
  return false;
}

std::map<std::string, uint64_t> ViolationRate::TakeSuppressed(absl::Time now) {
  std::map<std::string, uint64_t> out;
  for (auto at = buckets_.begin(); at != buckets_.end();) {
    Fill(at->second, now);
    if (at->second.suppressed > 0) out[at->first] = std::exchange(at->second.suppressed, 0);
    at = at->second.tokens >= burst_ ? buckets_.erase(at) : std::next(at);
  }
  return out;
}

}  // namespace varmor
