#include "runtime/agent/audit_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

// MAX_AUDIT_MESSAGE_LENGTH, libaudit.h, and what a log puts around it.
constexpr size_t kLongestLine = 16 << 10;
constexpr size_t kChunk = 64 << 10;

// auditd's names for types, libaudit's msg_typetab.h.
constexpr std::pair<absl::string_view, int> kTypes[] = {
    {"AVC", 1400},
    {"SECCOMP", 1326},
    {"APPARMOR_AUDIT", 1501},
    {"APPARMOR_ALLOWED", 1502},
    {"APPARMOR_DENIED", 1503},
    {"APPARMOR_KILL", 1507},
};

int OpenToRead(const std::string& path) { return open(path.c_str(), O_RDONLY | O_CLOEXEC); }

// "type=AVC msg=audit(...": of auditd. Its second part, after a byte 0x1d, says the first in words.
std::optional<std::string> OfAuditd(absl::string_view line) {
  line = line.substr(0, line.find('\x1d'));
  // A name of the machine may stand first.
  if (absl::StartsWith(line, "node=")) {
    line.remove_prefix(std::min(line.find(' '), line.size() - 1) + 1);
  }
  if (!absl::ConsumePrefix(&line, "type=")) return std::nullopt;
  const absl::string_view type = line.substr(0, line.find(' '));
  line.remove_prefix(type.size());
  if (!absl::ConsumePrefix(&line, " msg=audit(")) return std::nullopt;
  for (const auto& [name, number] : kTypes) {
    if (type == name) return absl::StrCat("type=", number, " audit(", line);
  }
  return std::nullopt;
}

// "Nov 26 08:20:42 node kernel: [ 1234.5] audit: type=1400 audit(...": whatever the time looks
// like.
std::optional<std::string> OfSyslog(absl::string_view line) {
  constexpr absl::string_view kKernel = " kernel: ";
  const size_t at = line.find(kKernel);
  if (at == absl::string_view::npos) return std::nullopt;
  line.remove_prefix(at + kKernel.size());
  if (absl::ConsumePrefix(&line, "[")) {
    const size_t end = line.find("] ");
    if (end == absl::string_view::npos) return std::nullopt;
    line.remove_prefix(end + 2);
  }
  if (!absl::ConsumePrefix(&line, "audit: ")) return std::nullopt;
  if (!absl::StartsWith(line, "type=")) return std::nullopt;
  return std::string(line);
}

}  // namespace

std::optional<std::string> RecordOfAuditLine(absl::string_view line) {
  line = absl::StripTrailingAsciiWhitespace(line);
  std::optional<std::string> record = OfAuditd(line);
  return record.has_value() ? record : OfSyslog(line);
}

AuditFile::~AuditFile() {
  if (fd_ >= 0) close(fd_);
}

absl::Status AuditFile::Open(const std::string& path, bool is_new) {
  const int fd = OpenToRead(path);
  if (fd < 0) {
    const int error = errno;
    const std::string reason = absl::StrCat(path, ": ", SystemReason(error));
    return error == ENOENT ? absl::NotFoundError(reason) : absl::UnavailableError(reason);
  }
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
  path_ = path;
  position_ = is_new ? 0 : std::max<off_t>(lseek(fd_, 0, SEEK_END), 0);
  return absl::OkStatus();
}

AuditFileFinder::AuditFileFinder(absl::string_view paths) {
  for (const absl::string_view path : absl::StrSplit(paths, '|', absl::SkipEmpty())) {
    logs_.push_back({std::string(path)});
  }
  found_ = logs_.size();
  status_ = absl::UnavailableError("no log is named that has audit records");
}

std::unique_ptr<AuditFile> AuditFileFinder::Find() {
  std::vector<std::string> reasons;
  for (size_t i = 0; i < found_; ++i) {
    auto file = std::make_unique<AuditFile>();
    const absl::Status opened = file->Open(logs_[i].path, logs_[i].was_absent);
    if (opened.ok()) {
      found_ = i;
      status_ = absl::OkStatus();
      return file;
    }
    logs_[i].was_absent = absl::IsNotFound(opened);
    reasons.emplace_back(opened.message());
  }
  if (found_ == logs_.size() && !reasons.empty()) {
    status_ = absl::UnavailableError(
        absl::StrCat("no log with audit records can be read: ", absl::StrJoin(reasons, "; ")));
  }
  return nullptr;
}

void AuditFile::TakeLines(std::vector<std::string>& records) {
  size_t begin = 0;
  for (size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
    if (!std::exchange(skipping_, false)) {
      std::optional<std::string> record =
          RecordOfAuditLine(absl::string_view(rest_).substr(begin, end - begin));
      if (record.has_value()) records.push_back(*std::move(record));
    }
    begin = end + 1;
  }
  rest_.erase(0, begin);
  if (rest_.size() <= kLongestLine) return;
  too_long_ += skipping_ ? 0 : 1;
  skipping_ = true;
  rest_.clear();
}

bool AuditFile::Follow() {
  struct stat open_one = {};
  struct stat named = {};
  if (fstat(fd_, &open_one) != 0) return false;
  if (open_one.st_size > position_) return true;
  if (open_one.st_size < position_) {
    position_ = 0;
  } else if (stat(path_.c_str(), &named) == 0 && named.st_size > 0 &&
             (named.st_dev != open_one.st_dev || named.st_ino != open_one.st_ino)) {
    // While the new file is empty, who writes may still have the old one open.
    const int fd = OpenToRead(path_);
    if (fd < 0) return false;  // the next call tries again
    close(fd_);
    fd_ = fd;
    position_ = 0;
  } else {
    return false;
  }
  rest_.clear();
  skipping_ = false;
  return true;
}

std::vector<std::string> AuditFile::Read(size_t limit_bytes) {
  std::vector<std::string> records;
  if (fd_ < 0) return records;
  size_t taken = 0;
  std::string chunk;
  while (taken < limit_bytes) {
    chunk.resize(std::min(kChunk, limit_bytes - taken));
    const ssize_t size = pread(fd_, &chunk[0], chunk.size(), position_);
    if (size <= 0) {
      if (Follow()) continue;
      break;
    }
    position_ += size;
    taken += static_cast<size_t>(size);
    rest_.append(chunk, 0, static_cast<size_t>(size));
    TakeLines(records);
  }
  return records;
}

}  // namespace varmor
