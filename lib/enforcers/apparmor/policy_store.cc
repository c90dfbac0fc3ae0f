#include "lib/enforcers/apparmor/policy_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

constexpr absl::string_view kText = ".apparmor";
constexpr absl::string_view kPolicy = ".policy";
constexpr size_t kDigestBytes = 64;

// When it was last written, in nanoseconds; 0 when it is gone.
int64_t Age(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return 0;
  return status.st_mtim.tv_sec * int64_t{1000000000} + status.st_mtim.tv_nsec;
}

}  // namespace

// The file begins with the digest of the rest: a disk's faults are not the kernel's to find.
absl::StatusOr<std::string> PolicyStore::Policy(absl::string_view key) const {
  const std::string path = PathOf(key, kPolicy);
  VARMOR_ASSIGN_OR_RETURN(std::string content, ReadFileWhole(path));
  const absl::string_view policy =
      absl::string_view(content).substr(std::min(kDigestBytes, content.size()));
  if (policy.empty() || Sha256Hex(policy) != absl::string_view(content).substr(0, kDigestBytes)) {
    return absl::DataLossError(absl::StrCat(QuotedPath(path), " is damaged"));
  }
  content.erase(0, kDigestBytes);
  return content;
}

absl::Status PolicyStore::Put(absl::string_view key, absl::string_view text,
                              absl::string_view policy) {
  VARMOR_RETURN_IF_ERROR(WriteFileWhole(*calls_, PathOf(key, kText), text, 0600));
  return WriteFileWhole(*calls_, PathOf(key, kPolicy), absl::StrCat(Sha256Hex(policy), policy),
                        0600);
}

absl::Status PolicyStore::RemoveUnused(const std::set<std::string>& used, size_t keep) {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> files, ListDirectory(directory_));
  std::vector<std::pair<int64_t, std::string>> unused;
  for (absl::string_view file : files) {
    if (!absl::ConsumeSuffix(&file, kText)) continue;
    if (used.count(std::string(file)) != 0) continue;
    unused.emplace_back(Age(PathOf(file, kText)), file);
  }
  std::sort(unused.begin(), unused.end(), std::greater<>());
  for (size_t i = keep; i < unused.size(); ++i) {
    // The text last: it is what the next attempt finds.
    for (const absl::string_view ending : {kPolicy, kText}) {
      const absl::Status removed = RemoveFile(*calls_, PathOf(unused[i].second, ending));
      if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
    }
  }
  return absl::OkStatus();
}

std::string PolicyStore::PathOf(absl::string_view key, absl::string_view ending) const {
  return absl::StrCat(directory_, "/", key, ending);
}

}  // namespace varmor
