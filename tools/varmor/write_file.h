// Files that are there whole or not at all.
#ifndef TOOLS_VARMOR_WRITE_FILE_H_
#define TOOLS_VARMOR_WRITE_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace varmor {

// Creates the directory and its parents, when they are missing. The error names the path and the
// system's reason.
absl::Status MakeDirectories(const std::string& path);

// Writes `content` beside `path` and renames it into place; the mode is 0644 less the umask. On an
// error, which names the path and the system's reason, nothing is left behind and an older file
// stays as it was.
absl::Status WriteFile(const std::string& path, absl::string_view content);

}  // namespace varmor

#endif  // TOOLS_VARMOR_WRITE_FILE_H_
