// A directory for one test.
#ifndef LIB_ENFORCERS_TESTING_TEMPORARY_DIRECTORY_H_
#define LIB_ENFORCERS_TESTING_TEMPORARY_DIRECTORY_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace varmor {

// Empty, and removed with everything in it at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(absl::string_view name) const;

  // The files in it and below, as paths relative to it, sorted.
  std::vector<std::string> Files() const;

 private:
  std::string path_;
};

// Creates or overwrites a file, and the directories it is in.
void PutFile(const std::string& path, absl::string_view content);

// The content, or "(no such file)".
std::string FileContent(const std::string& path);

}  // namespace varmor

#endif  // LIB_ENFORCERS_TESTING_TEMPORARY_DIRECTORY_H_
