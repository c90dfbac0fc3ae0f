#include "tools/varmor/read_inputs.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {
namespace {

namespace fs = std::filesystem;

constexpr char kStandardInput[] = "-";

absl::Status CannotRead(const std::string& path, const std::string& reason) {
  return absl::InvalidArgumentError(absl::StrCat(
      "cannot read ", path == kStandardInput ? "standard input" : Quoted(path), ": ", reason));
}

bool IsPolicyFile(const fs::path& path) {
  const std::string name = path.filename().string();
  return absl::EndsWithIgnoreCase(name, ".yaml") || absl::EndsWithIgnoreCase(name, ".yml") ||
         absl::EndsWithIgnoreCase(name, ".json");
}

// Whether `compile -o` wrote it: NAME.report.json, or what has the same NAME beside that.
bool IsArtifact(absl::string_view file, const std::set<std::string>& beside) {
  for (const absl::string_view end : {".report.json", ".bpf.json", ".seccomp.json"}) {
    absl::string_view name = file;
    if (absl::ConsumeSuffix(&name, end)) {
      return beside.count(absl::StrCat(name, ".report.json")) > 0;
    }
  }
  return false;
}

// Appends the policy files below `directory`.
absl::Status ListDirectory(const std::string& directory, std::vector<std::string>& files) {
  std::error_code error;
  fs::recursive_directory_iterator entry(directory, error);
  const fs::recursive_directory_iterator end;
  std::string unreadable = directory;
  while (!error && entry != end) {
    unreadable = entry->path().string();
    const bool hidden = absl::StartsWith(entry->path().filename().string(), ".");
    std::error_code ignored;  // a dangling link is no directory; reading it reports it
    const bool is_directory = entry->is_directory(ignored);
    if (hidden) {
      entry.disable_recursion_pending();
    } else if (!is_directory && IsPolicyFile(entry->path())) {
      files.push_back(entry->path().string());
    }
    entry.increment(error);
  }
  const std::set<std::string> listed(files.begin(), files.end());
  files.erase(std::remove_if(files.begin(), files.end(),
                             [&](const std::string& file) { return IsArtifact(file, listed); }),
              files.end());
  if (error) return CannotRead(unreadable, error.message());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Expand(const std::string& path) {
  std::error_code ignored;
  if (path == kStandardInput || !fs::is_directory(path, ignored)) {
    return std::vector<std::string>{path};
  }
  std::vector<std::string> files;
  if (absl::Status listed = ListDirectory(path, files); !listed.ok()) return listed;
  if (files.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no *.yaml, *.yml or *.json below the directory ", Quoted(path)));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

absl::StatusOr<std::string> ReadInput(const std::string& path, size_t max_bytes) {
  const bool standard_input = path == kStandardInput;
  const int fd = standard_input ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd == -1) return CannotRead(path, std::strerror(errno));
  std::string text;
  std::string buffer(64 << 10, '\0');
  int error = 0;
  while (text.size() <= max_bytes) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) error = errno;
    if (count <= 0) break;
    text.append(buffer, 0, static_cast<size_t>(count));
  }
  if (!standard_input) close(fd);
  if (error != 0) return CannotRead(path, std::strerror(error));
  return text;
}

std::vector<PolicySource> ReadPolicyInputs(const std::vector<std::string>& paths, size_t max_bytes,
                                           std::vector<std::string>& errors) {
  std::vector<PolicySource> sources;
  for (const std::string& path : paths) {
    const absl::StatusOr<std::vector<std::string>> files = Expand(path);
    if (!files.ok()) {
      errors.emplace_back(files.status().message());
      continue;
    }
    for (const std::string& file : *files) {
      std::error_code ignored;
      const fs::file_status status = fs::status(file, ignored);
      // A FIFO that is named may be a shell's <(...); in a directory nobody writes to it.
      if (file != path && fs::exists(status) && !fs::is_regular_file(status)) {
        errors.emplace_back(CannotRead(file, "it is no regular file").message());
        continue;
      }
      absl::StatusOr<std::string> text = ReadInput(file, max_bytes);
      if (text.ok()) {
        sources.push_back({file, *std::move(text)});
      } else {
        errors.emplace_back(text.status().message());
      }
    }
  }
  return sources;
}

}  // namespace varmor
