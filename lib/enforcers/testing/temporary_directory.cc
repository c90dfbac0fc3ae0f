#include "lib/enforcers/testing/temporary_directory.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace varmor {

TemporaryDirectory::TemporaryDirectory() {
  const char* parent = std::getenv("TEST_TMPDIR");
  path_ = absl::StrCat(parent == nullptr ? "/tmp" : parent, "/test.XXXXXX");
  if (mkdtemp(path_.data()) == nullptr) std::abort();
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

std::string TemporaryDirectory::operator/(absl::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

std::vector<std::string> TemporaryDirectory::Files() const {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
    if (!entry.is_directory()) files.push_back(entry.path().string().substr(path_.size() + 1));
  }
  std::sort(files.begin(), files.end());
  return files;
}

void PutFile(const std::string& path, absl::string_view content) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  if (!file.flush()) std::abort();
}

std::string FileContent(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return "(no such file)";
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

}  // namespace varmor
