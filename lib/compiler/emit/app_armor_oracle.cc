#include "lib/compiler/emit/app_armor_oracle.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

constexpr const char* kParser = "/usr/sbin/apparmor_parser";

std::string TestDirectory() {
  const char* directory = std::getenv("TEST_TMPDIR");
  return directory != nullptr ? directory : "/tmp";
}

// Output and errors of a command; its exit code goes to `code`.
std::string Run(const std::string& command, int& code) {
  std::string output;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) {
    code = -1;
    return "cannot start a process";
  }
  std::array<char, 4096> buffer;
  while (const size_t got = fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), got);
  }
  const int status = pclose(pipe);
  code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return output;
}

}  // namespace

std::string AppArmorParserRefuses(const std::vector<std::string>& texts) {
  if (access(kParser, X_OK) != 0) {
    return absl::StrCat(kParser, " is missing: install the package apparmor to run this test");
  }
  const std::string file = absl::StrCat(TestDirectory(), "/profile-", getpid(), ".apparmor");
  std::string refusals;
  for (const std::string& text : texts) {
    std::ofstream(file, std::ios::binary) << text;
    int code = 0;
    const std::string output = Run(absl::StrCat(kParser, " -Q -K ", file), code);
    if (code != 0) absl::StrAppend(&refusals, output, "in the text\n", text);
  }
  std::remove(file.c_str());
  return refusals;
}

}  // namespace varmor
