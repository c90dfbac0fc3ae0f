// run_confined RUNTIME PROFILE.json CALL...
//
// Makes syscalls in a container of a real runtime and prints what became of each:
//   $ run_confined runc profile.json 'chmod(0, 0x40)' 'i386:chmod(0, 0)'
//   chmod(0, 0x40)  errno 1
//   i386:chmod(0, 0)  errno 14
// Exit status 2: usage; 3: the runtime did not run the container.
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tools/oci/run_confined.h"

namespace varmor {
namespace {

// The helper lies beside this program.
std::string HelperPath() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / "make_syscalls").string();
}

int Run(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: run_confined RUNTIME PROFILE.json CALL...\n";
    return 2;
  }
  std::ifstream file(argv[2], std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    std::cerr << argv[2] << ": cannot read\n";
    return 2;
  }
  char scratch[] = "/tmp/run_confined.XXXXXX";
  if (mkdtemp(scratch) == nullptr) {
    std::cerr << scratch << ": cannot make this directory\n";
    return 3;
  }
  ConfinedRun run;
  run.runtime = argv[1];
  run.seccomp_json = text.str();
  run.calls.assign(argv + 3, argv + argc);
  run.make_syscalls = HelperPath();
  run.scratch = scratch;
  const absl::StatusOr<std::vector<std::string>> outcomes = RunConfined(run);
  std::error_code error;
  std::filesystem::remove_all(scratch, error);
  if (!outcomes.ok()) {
    std::cerr << "run_confined: " << outcomes.status().message() << "\n";
    return outcomes.status().code() == absl::StatusCode::kInvalidArgument ? 2 : 3;
  }
  for (size_t i = 0; i < outcomes->size(); ++i) {
    std::cout << run.calls[i] << "  " << (*outcomes)[i] << "\n";
  }
  return 0;
}

}  // namespace
}  // namespace varmor

int main(int argc, char** argv) { return varmor::Run(argc, argv); }
