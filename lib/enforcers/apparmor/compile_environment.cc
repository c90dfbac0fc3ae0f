#include "lib/enforcers/apparmor/compile_environment.h"

#include <sys/stat.h>

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

constexpr char kParserConfiguration[] = "/etc/apparmor/parser.conf";
// Symbolic links may lead in circles.
constexpr int kMaxDepth = 16;

// "PATH DIGEST\n", or "PATH -\n" for what is not there or cannot be read: the parser will not read
// it either.
void AddFile(const std::string& path, std::string& list) {
  const absl::StatusOr<std::string> content = ReadFileWhole(path);
  absl::StrAppend(&list, path, " ", content.ok() ? Sha256Hex(*content) : "-", "\n");
}

void AddTree(const std::string& path, int depth, std::string& list) {
  struct stat status = {};
  if (stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && depth < kMaxDepth) {
    const absl::StatusOr<std::vector<std::string>> names = ListDirectory(path);
    if (!names.ok()) return AddFile(path, list);
    for (const std::string& name : *names) {
      AddTree(absl::StrCat(path, "/", name), depth + 1, list);
    }
  } else if (!S_ISDIR(status.st_mode)) {
    AddFile(path, list);
  }
}

// "policy-features=/usr/share/apparmor-features/features" and its like.
void AddConfiguredFiles(std::string& list) {
  const absl::StatusOr<std::string> configuration = ReadFileWhole(kParserConfiguration);
  if (!configuration.ok()) return;
  for (absl::string_view line : absl::StrSplit(*configuration, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    const size_t equals = line.find('=');
    if (absl::StartsWith(line, "#") || equals == absl::string_view::npos) continue;
    const absl::string_view value = absl::StripAsciiWhitespace(line.substr(equals + 1));
    if (absl::StartsWith(value, "/")) AddTree(std::string(value), 0, list);
  }
}

}  // namespace

absl::StatusOr<std::string> CompileEnvironmentDigest(const AppArmorParser& parser) {
  VARMOR_ASSIGN_OR_RETURN(const std::string program, ReadFileWhole(parser.program));
  std::string list = absl::StrCat("parser ", Sha256Hex(program), "\n");
  AddFile(kParserConfiguration, list);
  AddConfiguredFiles(list);
  AddTree(parser.include_directory, 0, list);
  AddTree(parser.kernel_features, 0, list);
  return Sha256Hex(list);
}

}  // namespace varmor
