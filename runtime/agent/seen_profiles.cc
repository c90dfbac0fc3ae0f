#include "runtime/agent/seen_profiles.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"

namespace varmor {

absl::Status SeenProfiles::Load() {
  names_.clear();
  if (path_.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> text = ReadFileWhole(path_);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  if (!text.ok()) return text.status();
  for (const absl::string_view name : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    names_.emplace(name);
  }
  return absl::OkStatus();
}

absl::Status SeenProfiles::Set(std::set<std::string> names) {
  if (written_ && names == names_) return absl::OkStatus();
  names_ = std::move(names);
  if (path_.empty()) return absl::OkStatus();
  written_ = false;
  const std::string text = names_.empty() ? "" : absl::StrCat(absl::StrJoin(names_, "\n"), "\n");
  FileCalls calls;
  VARMOR_RETURN_IF_ERROR(EnsureDirectory(path_.substr(0, path_.rfind('/'))));
  VARMOR_RETURN_IF_ERROR(WriteFileWhole(calls, path_, text, 0600));
  written_ = true;
  return absl::OkStatus();
}

}  // namespace varmor
