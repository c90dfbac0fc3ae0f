#include "tools/varmor/run/run_record.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

absl::Status Cannot(absl::string_view what, const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat("cannot ", what, " ", QuotedPath(path), ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<RunRecord> RunRecord::Create(const std::string& id, const std::string& directory) {
  VARMOR_RETURN_IF_ERROR(EnsureDirectory(directory));
  const std::string path = absl::StrCat(directory, "/", id);
  const int fd = open(directory.c_str(), O_WRONLY | O_TMPFILE | O_APPEND | O_CLOEXEC, 0600);
  if (fd == -1) return Cannot("make", path);
  RunRecord record(fd, path);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) return Cannot("lock", path);
  // Nobody sees it without its lock and takes it for one of a run that was killed.
  const std::string unnamed = absl::StrCat("/proc/self/fd/", fd);
  if (linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    return Cannot("make", path);
  }
  return record;
}

RunRecord::RunRecord(RunRecord&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

RunRecord::~RunRecord() {
  if (fd_ != -1) close(fd_);
}

absl::Status RunRecord::Add(absl::string_view key, absl::string_view value) {
  const std::string line = absl::StrCat(key, " ", absl::StrReplaceAll(value, {{"\n", " "}}), "\n");
  const ssize_t written = write(fd_, line.data(), line.size());
  return written == static_cast<ssize_t>(line.size()) ? absl::OkStatus() : Cannot("write", path_);
}

void RunRecord::Remove() { unlink(path_.c_str()); }

std::vector<AbandonedRun> AbandonedRuns(const std::string& directory) {
  std::vector<AbandonedRun> runs;
  const absl::StatusOr<std::vector<std::string>> names = ListDirectory(directory);
  if (!names.ok()) return runs;
  for (const std::string& name : *names) {
    AbandonedRun run;
    run.id = name;
    run.path = absl::StrCat(directory, "/", name);
    const int fd = open(run.path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd == -1) continue;
    const bool alive = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    const absl::StatusOr<std::string> text = ReadFileWhole(run.path);
    if (alive || !text.ok()) continue;
    for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
      const std::pair<std::string, std::string> parts =
          absl::StrSplit(line, absl::MaxSplits(' ', 1));
      run.values[parts.first] = parts.second;
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

}  // namespace varmor
